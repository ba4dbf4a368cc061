"""One version of a plate list, two people in the same moment: one brings it in, or lets it through."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts import cast
from accounts.services import acting
from alerts import services
from alerts.importing import uploads
from alerts.models import HotlistChunk, HotlistEntry, HotlistUpload, HotlistVersion
from audit.context import system
from csoc.lib import clock as console_clock
from tests.accounts.people import add_user
from tests.alerts.lists import bring, file_of, manifest_of, rows
from tests.races.doors import Rival, kept, loser, outcome, winner
from tests.races.test_on_connections import race

ROUNDS = 8
#: While the first one's press is at work, and after it.
BUSY_OR_OVER = {"upload-busy", "not-waiting"}


@pytest.fixture
def rivals(own_database: str, data_dir: Path) -> list[Rival]:
    """Three supervisors: who brings a list, and two who may let it through."""
    people = {role: entry["user"] for role, entry in cast.create_cast(system("test")).items()}
    third = add_user(people["administrator"], "third", "supervisor", name="Kim Oduya")
    third.user.give_password(third.password, initial=False)
    return [Rival(user) for user in (people["supervisor"], people["supervisor-2"], third.user)]


def waiting(who: Rival, name: str, **changes: Any) -> HotlistUpload:
    """A version that halves its list, and so waits for a second person."""
    bring(who.user, file_of(rows(30)), list_id=name)
    upload = bring(who.user, file_of(rows(10)), list_id=name, version=2, **changes)
    assert isinstance(upload, HotlistUpload)
    return upload


def sent(who: Rival, file: bytes, **changes: Any) -> HotlistUpload:
    """An upload whose pieces are all there, not yet finished."""
    with acting(who.user):
        upload = services.begin_upload(actor=who.user, manifest_bytes=manifest_of(file, **changes))
        return uploads.add_chunk(upload, 0, file, console_clock.now())


def page(upload: HotlistUpload, act: str) -> str:
    return f"/hotlists/uploads/{upload.pk}/{act}/"


def finish(upload: HotlistUpload) -> str:
    return f"/api/v1/hotlists/uploads/{upload.pk}/finish/"


def now_on(name: str) -> int:
    return HotlistEntry.objects.filter(hotlist__list_id=name, removed_in=None).count()


def test_of_two_who_let_a_version_through_one_does(
    rivals: list[Rival], servers: Any, own_database: str
) -> None:
    first, *seconds = rivals
    for n in range(ROUNDS):
        upload = waiting(first, f"race-{n}")
        answers = race([one.posts(page(upload, "approve"), {"before": "30"}) for one in seconds])
        won, lost = winner(seconds, answers).user.person, loser(answers)
        assert outcome(lost) in BUSY_OR_OVER and lost.status_code == 409
        if outcome(lost) == "not-waiting":
            assert json.loads(lost.content)["by"]["name"] == won.name
        version = HotlistVersion.objects.get(hotlist__list_id=f"race-{n}", version=2)
        upload.refresh_from_db()
        assert (version.approved_by, upload.decided_by, upload.state) == (won, won, "published")
        assert now_on(f"race-{n}") == 10
    assert kept(servers, own_database, "hotlist.approve") == {"allowed": ROUNDS, "failed": ROUNDS}
    assert not HotlistChunk.objects.exists()


def test_of_a_yes_and_a_no_one_counts(rivals: list[Rival], servers: Any, own_database: str) -> None:
    first, yes, no = rivals
    reason = {"code": "wrong-file", "words": "Half of it is missing."}
    states = set()
    for n in range(ROUNDS):
        upload = waiting(first, f"race-{n}")
        answers = race(
            [yes.posts(page(upload, "approve"), {"before": "30"}), no.posts(page(upload, "refuse"), reason)]
        )
        won = winner([yes, no], answers)
        assert outcome(loser(answers)) in BUSY_OR_OVER
        upload.refresh_from_db()
        states.add(upload.state)
        assert (upload.state, upload.decided_by) == (
            "published" if won is yes else "refused", won.user.person,
        )  # fmt: skip
        assert now_on(f"race-{n}") == (10 if won is yes else 30)
    said = kept(servers, own_database, "hotlist.approve") + kept(servers, own_database, "hotlist.refuse")
    assert said == {"allowed": ROUNDS, "failed": ROUNDS} and states <= {"published", "refused"}
    assert not HotlistChunk.objects.exists()


def forms(file: bytes, **changes: Any) -> dict[str, Any]:
    """What the page's form sends: each press reads files of its own."""
    told = manifest_of(file, **changes)
    return {"manifest": SimpleUploadedFile("m.json", told), "file": SimpleUploadedFile("l.csv", file)}


def test_the_same_version_from_two_people_comes_in_once(
    rivals: list[Rival], servers: Any, own_database: str
) -> None:
    pair, file = rivals[:2], file_of(rows(40))
    for version in range(1, ROUNDS + 1):
        answers = race([one.posts("/hotlists/import/", forms(file, version=version)) for one in pair])
        assert sorted(answer.status_code for answer in answers) == [302, 409]
        assert f"Version {version} does not rise above {version}" in loser(answers).content.decode()
        kept_version = HotlistVersion.objects.get(hotlist__list_id="test-on", version=version)
        assert kept_version.imported_by == winner(pair, answers).user.person
        assert now_on("test-on") == 40, "its first version came once, the others changed nothing"
    assert kept(servers, own_database, "hotlist.import") == {"allowed": ROUNDS, "failed": ROUNDS}


def test_of_two_uploads_of_one_version_one_is_published(
    rivals: list[Rival], servers: Any, own_database: str
) -> None:
    pair, file = rivals[:2], file_of(rows(40))
    for version in range(1, ROUNDS + 1):
        brought = [sent(one, file, version=version) for one in pair]
        answers = race([one.posts(finish(upload)) for one, upload in zip(pair, brought, strict=True)])
        assert sorted(map(outcome, answers)) == ["done", "version-not-risen"]
        for upload in brought:
            upload.refresh_from_db()
        assert sorted((upload.state, upload.code) for upload in brought) == [
            ("broken", "version-not-risen"), ("published", ""),
        ]  # fmt: skip
    assert kept(servers, own_database, "hotlist.import") == {"allowed": ROUNDS, "failed": ROUNDS}
    assert not HotlistChunk.objects.exists() and now_on("test-on") == 40


def test_one_upload_finished_in_two_tabs_is_published_once(rivals: list[Rival]) -> None:
    tabs, file = [rivals[0], Rival(rivals[0].user)], file_of(rows(40))
    for version in range(1, ROUNDS + 1):
        upload = sent(tabs[0], file, version=version)
        answers = race([tab.posts(finish(upload)) for tab in tabs])
        assert outcome(loser(answers)) in ("upload-busy", "upload-over")
        upload.refresh_from_db()
        assert (upload.state, upload.code) == ("published", ""), "the second press destroyed nothing"
    assert HotlistVersion.objects.count() == ROUNDS


def test_two_who_find_the_same_fault_are_told_the_fault(rivals: list[Rival], clock: Any) -> None:
    """The list's own end has passed: nobody can let this one through, whoever looks first."""
    first, *seconds = rivals
    until = console_clock.wire(console_clock.now() + timedelta(hours=1))
    found = [waiting(first, f"race-{n}", valid_to=until) for n in range(ROUNDS)]
    clock.shift(2 * 3600)
    seconds = [Rival(one.user) for one in seconds]
    for upload in found:
        answers = race([one.posts(page(upload, "approve"), {"before": "30"}) for one in seconds])
        told = [outcome(answer) for answer in answers]
        assert "list-over" in told and set(told) <= {"list-over", *BUSY_OR_OVER}, told
        upload.refresh_from_db()
        assert (upload.state, upload.code) == ("broken", "list-over")
    assert not HotlistChunk.objects.exists()


def test_a_version_that_comes_in_while_another_is_let_through(
    rivals: list[Rival], servers: Any, own_database: str
) -> None:
    """No ring of locks between the file that waits and the list: the later version is in force at the end."""
    first, second, third = rivals
    for n in range(ROUNDS):
        name = f"race-{n}"
        upload = waiting(first, name)
        press = second.posts(page(upload, "approve"), {"before": "30"})
        newer = forms(file_of(rows(31)), list_id=name, version=3)
        approved, brought = race([press, third.posts("/hotlists/import/", newer)])
        assert brought.status_code == 302 and now_on(name) == 31
        upload.refresh_from_db()
        if outcome(approved) == "done":
            assert upload.state == "published"
        else:
            assert outcome(approved) in ("version-not-risen", "not-waiting", "upload-busy")
            assert (upload.state, upload.code) == ("broken", "version-not-risen")
    said = kept(servers, own_database, "hotlist.approve")
    assert said["allowed"] + said["failed"] == ROUNDS and not HotlistChunk.objects.exists()
