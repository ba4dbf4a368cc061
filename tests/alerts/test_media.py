"""What the database refuses of clips and crops whatever the code does, and that they die with the detail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction

import audit
import vault
from accounts.services import acting
from agent import plates, sounds
from agent.media import Media, clip, crop
from alerts import schemas, sealed, selectors, services
from alerts.media import reading, slots, voice
from alerts.models import Alert, AlertDetail, AlertMedia
from csoc.lib import clock as time
from csoc.lib.errors import Refused
from deployments.services import deactivate_deployment
from tests.scene import Scene, standing
from vault.services import purge_due

SHOTS = clip(sounds.shots(1, 2, 400), 16_000)
PLATE = crop(plates.crop(1, "ZZDEM01"), plates.WIDTH, plates.HEIGHT)


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


def post(scene: Scene, media: Media) -> Alert:
    """An accepted alert that announced it."""
    body = scene.gunshot() if media.kind == "clip" else scene.hit()
    body[body["kind"]][media.kind] = media.notice()
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        alert, _new = services.receive_alert(actor=scene.trailer, body=schemas.alert_from(body))
    assert isinstance(alert, Alert)
    return alert


def put(scene: Scene, alert: Alert, media: Media) -> bool:
    receive = services.receive_clip if media.kind == "clip" else services.receive_crop
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        return receive(actor=scene.trailer, alert_id=alert.pk, body=media.data)


def row(alert: Alert, **changes: Any) -> None:
    """A row as only somebody past the code would write it."""
    kind = changes.pop("kind", "clip" if alert.kind == "gunshot" else "crop")
    kept: dict[str, Any] = {"at": time.now(), "epoch": alert.detail.epoch, "facts": b"x", "sealed": b"x"}
    AlertMedia.objects.create(alert=alert, kind=kind, **(kept | changes))


def refuses(act: Callable[[], Any]) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        act()


@pytest.mark.parametrize("media", [SHOTS, PLATE], ids=["clip", "crop"])
def test_kept_once_and_told(scene: Scene, media: Media) -> None:
    alert = post(scene, media)
    assert [put(scene, alert, media), put(scene, alert, media)] == [True, False]
    told = selectors.detail(alert)[media.kind]
    assert told["state"] == "kept" and told["url"].endswith(f"/{media.kind}/")
    assert len(reading.opened(alert, media.kind)) > 1000
    assert media.data not in bytes(AlertMedia.objects.get(alert=alert).sealed or b"")


def test_the_database_refuses_what_does_not_belong(scene: Scene) -> None:
    shot, hit = post(scene, SHOTS), post(scene, PLATE)
    for change in (
        {"kind": "crop"},
        {"kind": "film"},
        {"at": shot.received_at + timedelta(minutes=15, seconds=1)},
        {"epoch": shot.detail.epoch + timedelta(hours=1)},
        {"code": "clip-size"},
        {"sealed": None},
        {"sealed": bytes(1_000_001)},
    ):
        refuses(lambda change=change: row(shot, **change))
    refuses(lambda: row(hit, kind="clip"))
    row(shot)
    refuses(lambda: row(shot))
    row(hit)
    refuses(lambda: AlertMedia.objects.filter(alert=hit).update(sealed=b"y"))


def test_nothing_is_kept_of_an_alert_without_detail(scene: Scene, clock: Any) -> None:
    body = scene.gunshot()
    body["gunshot"]["clip"] = SHOTS.notice()
    clock.shift(48 * 3600 - 60)
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        alert, _new = services.receive_alert(actor=scene.trailer, body=schemas.alert_from(body))
    assert isinstance(alert, Alert) and alert.flags[0] == "detail-expired"
    refuses(lambda: AlertMedia.objects.create(
        alert=alert, kind="clip", at=time.now(), epoch=alert.occurred_at, facts=b"x", sealed=b"x",
    ))  # fmt: skip
    with pytest.raises(Refused) as caught:
        put(scene, alert, SHOTS)
    assert (caught.value.status, caught.value.code) == (410, "too-old")


def test_an_ended_deployment_takes_none_by_any_way(scene: Scene) -> None:
    alert = post(scene, SHOTS)
    with acting(scene.users["supervisor"]):
        deactivate_deployment(actor=scene.users["supervisor"], deployment_id=scene.deployment.pk)
    refuses(lambda: row(alert))
    with pytest.raises(Refused) as caught:
        put(scene, alert, SHOTS)
    assert caught.value.code == "not-deployed"


def test_rejecting_deletes_the_crop_even_past_the_service(scene: Scene) -> None:
    alert = post(scene, PLATE)
    put(scene, alert, PLATE)
    Alert.objects.filter(pk=alert.pk).update(plate_decision="confirm")
    assert AlertMedia.objects.filter(alert=alert).exists()
    Alert.objects.filter(pk=alert.pk).update(plate_decision="reject")
    assert not AlertMedia.objects.filter(alert=alert).exists()
    refuses(lambda: row(alert))


def test_what_ended_while_it_was_checked_is_found_afterwards(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check runs without a lock: the plate is rejected meanwhile, and nothing is kept."""
    from alerts.media import crop as crops

    alert, clean = post(scene, PLATE), crops.clean

    def slow(*args: Any, **kwargs: Any) -> bytes:
        Alert.objects.filter(pk=alert.pk).update(plate_decision="reject")
        alert.detail.delete()
        return clean(*args, **kwargs)

    monkeypatch.setattr(crops, "clean", slow)
    with pytest.raises(Refused) as caught:
        put(scene, alert, PLATE)
    assert caught.value.code == "too-old"
    assert not AlertMedia.objects.filter(alert=alert).exists()


def test_it_dies_with_its_hour(scene: Scene, clock: Any) -> None:
    alert = post(scene, SHOTS)
    put(scene, alert, SHOTS)
    kept = AlertMedia.objects.get(alert=alert)
    assert services.oldest_detail() == kept.epoch == alert.detail.epoch
    clock.shift(48 * 3600)
    for read in (sealed.open_media, sealed.open_facts):
        with pytest.raises(vault.Gone):
            read(kept)
    with pytest.raises(Refused):
        reading.opened(alert, "clip")
    purge_due(actor=audit.system("purge"))
    assert not AlertMedia.objects.exists()


def test_where_a_shot_was_goes_with_its_detail(scene: Scene, clock: Any) -> None:
    """Kind, times and outcome stay, at the point that the trailer stood at."""
    alert, hit = post(scene, SHOTS), post(scene, PLATE)
    before = Alert.objects.filter(pk=alert.pk).values().get()
    assert before["uncertainty_m"] == 45
    point = {"lat": scene.deployment.lat, "lon": scene.deployment.lon, "uncertainty_m": None}

    def moved(**changes: Any) -> None:
        Alert.objects.filter(pk=alert.pk).update(**changes)

    refuses(lambda: moved(**point))
    clock.shift(48 * 3600)
    purge_due(actor=audit.system("purge"))
    assert not AlertDetail.objects.exists()
    assert Alert.objects.filter(pk=alert.pk).values().get() == before | point | {"version": 2}
    assert Alert.objects.get(pk=hit.pk).version == 1, "it showed the trailer's point already"
    for changes in ({"lat": 1.0}, {"uncertainty_m": 45.0}, {"seq": 99}):
        refuses(lambda changes=changes: moved(**changes))


def test_told_in_words_while_it_is_awaited_and_when_it_never_came(scene: Scene, clock: Any) -> None:
    alert = post(scene, SHOTS)
    assert selectors.detail(alert)["clip"]["state"] == "awaited"
    clock.shift(15 * 60 + 1)
    assert selectors.detail(alert)["clip"]["state"] == "missing"
    assert selectors.detail(post(scene, PLATE))["crop"]["state"] == "awaited"


def test_a_check_that_cannot_run_leaves_the_alert_unmarked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = post(scene, SHOTS)

    def broken(*_args: Any) -> float:
        raise Refused("unavailable", "", 503)

    with monkeypatch.context() as patch:
        patch.setattr(voice, "seconds_of", broken)
        with pytest.raises(Refused) as caught:
            put(scene, alert, SHOTS)
    assert caught.value.status == 503
    alert.refresh_from_db()
    assert alert.flags == [] and not AlertMedia.objects.exists()
    assert put(scene, alert, SHOTS), "and it is taken once the check runs again"


def test_there_is_room_for_few_and_it_is_given_back() -> None:
    few = slots.Slots(admitted=2, at_work=2)
    with few.one():
        with few.one(), pytest.raises(Refused) as caught, few.one():
            pass
        assert (caught.value.status, caught.value.code) == (503, "unavailable")
        with pytest.raises(ValueError), few.one():
            raise ValueError
        with few.one():
            pass
