"""Uploads that something else was faster than: what they were for is in force, or changed under them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.models import User
from alerts import list_figures, services
from alerts.importing import uploads
from alerts.models import HotlistChunk, HotlistUpload
from alerts.services import lists
from csoc.lib import clock
from csoc.lib.errors import Refused
from tests.accounts.people import sign_in
from tests.alerts.lists import bring, file_of, manifest_of, rows
from tests.alerts.test_list_import import act, waiting


def test_figures_that_changed_while_it_was_let_through_change_nothing(
    people: dict[str, User], omar: User
) -> None:
    """Between one person's refusal and the keeping of it another one let it through."""
    upload = waiting(omar)
    act(services.approve_upload, people["supervisor-2"], upload_id=upload.pk, before=30)
    told = Refused("figures-changed", "It has changed.", 409, before=31)
    lists._break(HotlistUpload.objects.get(pk=upload.pk), told, clock.now())
    upload.refresh_from_db()
    assert (upload.state, upload.before) == ("published", 30)


def begun(omar: User, version: int, count: int = 4) -> HotlistUpload:
    """An upload on the page whose link was lost after its piece."""
    file = file_of(rows(count))
    upload = act(services.begin_upload, omar, manifest_bytes=manifest_of(file, version=version))
    return uploads.add_chunk(upload, 0, file, clock.now())


@pytest.mark.django_db
def test_an_upload_that_came_in_by_file_does_not_stay_unfinished(
    omar: User, people: dict[str, User], tmp_path: Path
) -> None:
    """Begun on the page, brought in from disk: the page no longer says that it is on its way."""
    bring(omar, file_of(rows(3)))
    same, older, newer = begun(omar, 3), begun(omar, 2), begun(omar, 4)
    theirs = begun(people["supervisor-2"], 3)
    file, manifest_file = tmp_path / "list.csv", tmp_path / "list.json"
    file.write_bytes(file_of(rows(4)))
    manifest_file.write_bytes(manifest_of(file.read_bytes(), version=3))
    call_command("hotlist_import", str(file), str(manifest_file), "--as", omar.username)
    for upload in (same, older, theirs, newer):
        upload.refresh_from_db()
    assert [(one.state, one.code) for one in (same, older, theirs)] == [("broken", "version-not-risen")] * 3
    assert newer.state == "receiving", "a later version can still come in"
    assert set(HotlistChunk.objects.values_list("upload", flat=True)) == {newer.pk}
    page = sign_in(omar).get("/hotlists/").content.decode()
    assert "was in force already" in page and page.count("Discard") == 1
    with pytest.raises(Refused) as caught:
        act(services.finish_upload, omar, upload_id=same.pk)
    assert (caught.value.code, caught.value.status) == ("version-not-risen", 409)


def test_what_waits_ends_when_a_later_version_comes_in(omar: User, people: dict[str, User]) -> None:
    upload, noor = waiting(omar), people["supervisor-2"]
    assert list_figures.waiting_for(noor) == 1
    bring(omar, file_of(rows(31)), version=3)
    upload.refresh_from_db()
    assert (upload.state, list_figures.waiting_for(noor)) == ("broken", 0)
    assert not HotlistChunk.objects.exists()
