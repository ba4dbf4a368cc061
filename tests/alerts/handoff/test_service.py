"""Handing off: who may, once, sealed, in the log; and what leaves as a file."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from accounts.services import acting
from alerts import services
from alerts.handoff import sealing, selectors, sending
from alerts.models import Alert, AlertEvent, HandOff
from alerts.timeline import timeline
from csoc.lib.errors import Refused
from tests.accounts.people import sign_in
from tests.alerts.handoff.handing import hand_off
from tests.alerts.handoff.receivers import Cad
from tests.scene import Scene

WORDS = "Two people ran north, MARKER-4K"


def refused(*given: Any, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        hand_off(*given, **more)
    return caught.value


def test_an_alert_is_handed_off_once_and_the_second_learns_by_whom(
    scene: Scene, held: Alert, taking: Cad
) -> None:
    dana, eli = scene.users["dispatcher"], scene.users["dispatcher-2"]
    row = hand_off(dana, held)
    assert (row.state, row.number, row.person) == ("queued", 1, dana.person)
    told = refused(eli, held, version=held.version)
    assert (told.code, told.status) == ("already-handed-off", 409)
    assert told.extra["by"]["name"] == dana.person.name
    assert Alert.objects.get(pk=held.pk).version == held.version + 1, "every board is told"
    # Who has seen it may correct it, and says what.
    assert refused(eli, held).code == "note-needed"
    assert hand_off(eli, held, note="Four rounds, not three").number == 2
    assert hand_off(eli, held, "file").number == 1, "another target is another message"


def test_what_may_not_be_handed_off(
    scene: Scene, hold: Callable[..., Alert], settings: Any, taking: Cad
) -> None:
    dana = scene.users["dispatcher"]
    fresh = hold(scene.gunshot())
    assert refused(dana, fresh, version=99).code == "stale-version"
    assert refused(dana, fresh, "moon").code == "no-such-target"
    with acting(dana):
        back = services.hand_back_alert(actor=dana, alert_id=fresh.pk, reason="mine no more")
    assert (refused(dana, back).code, refused(dana, back).status) == ("not-acknowledged", 403)
    closed = hold(scene.gunshot())
    with acting(dana):
        services.close_alert(actor=dana, alert_id=closed.pk, version=closed.version, outcome="unfounded")
    assert refused(dana, closed).code == "already-closed"
    hit = hold(scene.hit())
    with acting(dana):
        services.verify_plate(actor=dana, alert_id=hit.pk, version=hit.version, decision="reject")
    assert refused(dana, hit).code == "plate-rejected"
    assert refused(scene.users["technician"], fresh).status == 403
    settings.CAD_URL = ""
    assert refused(dana, hold(scene.gunshot())).code == "no-such-target"
    assert HandOff.objects.count() == 0


def test_the_document_stands_sealed_and_nowhere_else(scene: Scene, hold: Any, taking: Cad) -> None:
    dana = scene.users["dispatcher"]
    hit = hold(scene.hit())
    with acting(dana):
        services.verify_plate(actor=dana, alert_id=hit.pk, version=hit.version, decision="confirm")
    row = hand_off(dana, hit, note=WORDS, cad="26-118204")
    for form in sealing.FORMS:
        document = sealing.unseal(HandOff.objects.get(pk=row.pk), form)
        assert b"ZZDEM01" in document and WORDS.encode() in document and b"26-118204" in document
        assert b"e-1000" not in document and scene.deployment.site.encode() not in document
    with connection.cursor() as cursor:
        for table in ("alerts_handoff", "alerts_alert", "alerts_alertevent"):
            for marker in ("ZZDEM01", "MARKER-4K"):
                cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s", [f"%{marker}%"])
                assert cursor.fetchone() == (0,), table


def test_an_uncompared_plate_is_not_in_it(scene: Scene, hold: Any, taking: Cad) -> None:
    row = hand_off(scene.users["dispatcher"], hold(scene.hit()))
    assert all(b"ZZDEM01" not in sealing.unseal(row, form) for form in sealing.FORMS)


def test_the_entry_names_the_target_and_holds_no_words(
    scene: Scene, held: Alert, taking: Cad, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    module = sys.modules["audit.record"]
    bodies: list[str] = []
    real = module._body

    def noted(*given: Any) -> str:
        bodies.append(real(*given))
        return bodies[-1]

    monkeypatch.setattr(module, "_body", noted)
    hand_off(scene.users["dispatcher"], held, note=WORDS, cad="26-118204")
    [body] = bodies
    entry = json.loads(body)
    assert (entry["verb"], entry["recipients"]) == ("alert.hand_off", ["CAD"])
    assert entry["reason"] == {"code": "cad", "cad": "26-118204"}
    assert "MARKER" not in body and "detail" in entry


def test_after_48_hours_there_is_nothing_to_hand_off(
    scene: Scene, held: Alert, taking: Cad, clock: Any
) -> None:
    clock.shift(48 * 3600)
    told = refused(scene.users["dispatcher"], held)
    assert (told.code, told.status) == ("detail-expired", 410)


def test_the_database_takes_no_other_hand_off(scene: Scene, held: Alert, taking: Cad) -> None:
    row = hand_off(scene.users["dispatcher"], held)
    for change in (
        {"sealed": b"other"}, {"number": 7}, {"target": "file"}, {"person": scene.users["supervisor"].person},
    ):  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic():
            HandOff.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.delete()
    row.settle(row.at)
    row.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        HandOff.objects.filter(pk=row.pk).update(state="queued", settled_at=None)
    Alert.objects.filter(pk=held.pk).update(
        state="closed", outcome="test", closed_by=row.person, closed_at=row.at, version=9
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        HandOff.objects.create(
            id=uuid.uuid4(),
            alert=held,
            target="cad",
            number=2,
            person=row.person,
            at=row.at,
            epoch=row.epoch,
            sealed=b"x",
        )


# -- over HTTP ----------------------------------------------------------------------------------------


def browser(scene: Scene, role: str = "dispatcher") -> Client:
    return sign_in(scene.users[role])


@pytest.mark.django_db
def test_files_are_downloads_that_no_cache_keeps(scene: Scene, held: Alert, data_dir: Path) -> None:
    dana = browser(scene)
    base = f"/api/v1/alerts/{held.pk}/hand-off/"
    body = {"target": "file", "version": held.version, "note": WORDS}
    answer = dana.post(base, json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    receipt = answer.json()
    assert (receipt["state"], receipt["attempts"]) == ("queued", 0)
    for form, kind in (("cap.xml", "application/cap+xml"), ("eido.json", "application/json")):
        got = dana.get(receipt["files"][form])
        assert got.status_code == 200 and WORDS.encode() in got.content
        assert got["Content-Type"] == kind and got["X-Content-Type-Options"] == "nosniff"
        assert got["Content-Disposition"].startswith("attachment;")
        assert "no-store" in got["Cache-Control"]
    assert dana.get(f"{base}{uuid.uuid4()}/cap.xml").status_code == 404
    assert dana.get(f"{base}{receipt['id']}/clip.wav").status_code == 404
    listed = dana.get(base).json()
    assert [(one["id"], one["state"]) for one in listed["receipts"]] == [(receipt["id"], "delivered")]
    assert WORDS not in json.dumps(listed)


def receipt_of(scene: Scene, alert: Alert, role: str = "dispatcher") -> dict[str, Any]:
    [found] = browser(scene, role).get(f"/api/v1/alerts/{alert.pk}/hand-off/").json()["receipts"]
    return dict(found)


def fetched(row: HandOff) -> list[tuple[str, str]]:
    """The timeline's lines of downloads that settled it: who, and when."""
    lines = [line for line in timeline(row.alert) if line["text"] == "downloaded the hand-off"]
    return [(line["person"]["name"], line["at"]) for line in lines]


@pytest.mark.django_db
def test_a_hand_off_by_file_is_delivered_when_it_is_first_downloaded(
    scene: Scene, held: Alert, clock: Any
) -> None:
    eli = browser(scene, "dispatcher-2")
    row = hand_off(scene.users["dispatcher"], held, "file")
    assert receipt_of(scene, held)["state"] == "queued"
    address = receipt_of(scene, held)["files"]["cap.xml"]
    # What gave nothing settles nothing.
    assert browser(scene, "technician").get(address).status_code == 403
    assert eli.head(address).status_code == 405
    assert eli.get(address.replace(str(row.pk), str(uuid.uuid4()))).status_code == 404
    assert (receipt_of(scene, held)["state"], fetched(row)) == ("queued", [])
    assert eli.get(address).status_code == 200
    told = receipt_of(scene, held)
    assert (told["state"], told["attempts"], told["fault"]) == ("delivered", 0, "")
    assert fetched(row) == [(scene.users["dispatcher-2"].person.name, told["settled_at"])]
    clock.shift(60)
    for form in sealing.FORMS:
        assert browser(scene).get(told["files"][form]).status_code == 200, "it can be fetched again"
    assert (receipt_of(scene, held), len(fetched(row))) == (told, 1)


@pytest.mark.django_db
def test_a_file_that_was_erased_before_anybody_came_was_never_delivered(
    scene: Scene, held: Alert, clock: Any
) -> None:
    hand_off(scene.users["dispatcher"], held, "file")
    address = receipt_of(scene, held)["files"]["cap.xml"]
    clock.shift(48 * 3600)
    assert browser(scene).get(address).status_code == 410
    assert receipt_of(scene, held)["state"] == "queued"
    sending.end_expired(HandOff.objects.get().epoch)
    assert (receipt_of(scene, held)["state"], receipt_of(scene, held)["files"]) == ("failed", {})


@pytest.mark.django_db
def test_the_preview_is_what_is_sent(scene: Scene, held: Alert) -> None:
    dana = browser(scene)
    preview = dana.get(f"/api/v1/alerts/{held.pk}/hand-off/preview/").json()
    assert preview["version"] == held.version
    row = hand_off(scene.users["dispatcher"], held, "file")
    document = sealing.unseal(row, "cap.xml").decode()
    assert len(preview["rows"]) > 6
    for one in preview["rows"]:
        assert f"{one['name']}: {one['words']}" in document


BAD: tuple[dict[str, Any], ...] = (
    {},
    {"target": "cad"},
    {"target": "https://evil.example/", "version": 2},
    {"target": "file", "version": -1},
    {"target": "file", "version": 2, "note": "x" * 1001},
    {"target": "file", "version": 2, "cad": "'; DROP"},
    {"target": ["file"], "version": 2},
)


@pytest.mark.django_db
def test_bad_bodies_are_422_and_leave_nothing(scene: Scene, held: Alert) -> None:
    dana = browser(scene)
    for body in BAD:
        answer = dana.post(
            f"/api/v1/alerts/{held.pk}/hand-off/", json.dumps(body), content_type="application/json"
        )
        assert answer.status_code == 422, (body, answer.content)
        assert answer["Content-Type"] == "application/problem+json"
    assert HandOff.objects.count() == 0


def test_the_timeline_says_what_the_outbox_knows(scene: Scene, held: Alert, taking: Cad) -> None:
    hand_off(scene.users["dispatcher"], held)
    assert [row["text"] for row in timeline(held)][-1] == "handed it off: CAD"
    AlertEvent.objects.create(alert=held, at=held.received_at, verb="alert.hand_off_end", code="failed")
    assert "CAD did NOT take the hand-off. Hand over by radio." in [row["text"] for row in timeline(held)]
    assert selectors.cad_status(scene.users["dispatcher"])["waiting_since"] is not None
