"""Intake: what is accepted, what is refused, and that nothing of a refusal stays."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

import audit
from alerts import forbidden, schemas, selectors, services
from alerts.models import Alert, AlertDetail
from csoc.lib import forbidden as words
from csoc.lib.errors import Refused
from tests.scene import Scene, standing


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


def post(scene: Scene, body: dict[str, Any]) -> tuple[Alert, bool]:
    """As the door does, after the signature."""
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        forbidden.check(body)
        alert, fresh = services.receive_alert(actor=scene.trailer, body=schemas.alert_from(body))
    assert isinstance(alert, Alert)
    return alert, fresh


def refused(scene: Scene, body: dict[str, Any]) -> Refused:
    before = Alert.objects.count()
    with pytest.raises(Refused) as caught:
        post(scene, body)
    assert Alert.objects.count() == before
    return caught.value


def test_gunshot_is_kept_with_its_detail_sealed(scene: Scene) -> None:
    alert, new = post(scene, scene.gunshot())
    assert new
    assert alert.priority == 1
    assert (alert.lat, alert.uncertainty_m) == (scene.deployment.lat + 0.001, 45)
    sealed = bytes(AlertDetail.objects.get(alert=alert).sealed)
    assert b"0.93" not in sealed
    assert selectors.detail(alert)["rounds"] == 3


def test_plate_stands_nowhere_in_the_clear(scene: Scene) -> None:
    alert, _new = post(scene, scene.hit())
    assert alert.priority == 3
    assert "ZZDEM01" not in str(Alert.objects.filter(pk=alert.pk).values().get())
    assert selectors.detail(alert)["listed"]["plate"] == "ZZDEM01"


def test_lookalike_is_never_loud(scene: Scene) -> None:
    alert, _new = post(scene, scene.hit(plate="ZZDEMO2", entry_id="e-1001"))
    assert alert.flags == ["lookalike"]
    assert alert.priority == 3
    exact, _new = post(scene, scene.hit(plate="ZZDEM02", entry_id="e-1001"))
    assert exact.priority == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"plate": "ZZDEM99"}, "not-on-hotlist"),
        ({"entry_id": "e-9"}, "not-on-hotlist"),
        ({"jurisdiction": "CA-QC"}, "not-on-hotlist"),
        ({"hotlist": {"list_id": "mto-on", "version": 9, "entry_id": "e-1000"}}, "hotlist-version-stale"),
    ],
)
def test_hit_off_the_list_is_refused(scene: Scene, change: dict[str, Any], code: str) -> None:
    assert refused(scene, scene.hit(**change)).code == code


def test_same_id_and_values_again_is_the_same_alert(scene: Scene) -> None:
    body = scene.hit()
    first, _new = post(scene, body)
    again, new = post(scene, dict(body))
    assert (again.pk, new) == (first.pk, False)


def test_same_id_with_other_values_is_a_conflict(scene: Scene) -> None:
    body = scene.gunshot()
    post(scene, body)
    body["gunshot"]["rounds"] = 4
    assert refused(scene, body).code == "id-conflict"


def test_outside_a_deployment_nothing_is_taken(scene: Scene) -> None:
    assert refused(scene, scene.gunshot(deployment="DEP-2020-0001")).code == "not-deployed"
    assert refused(scene, scene.gunshot(trailer="TRL-0008")).code == "wrong-trailer"


def test_expiry_needs_no_job(scene: Scene, clock: Any) -> None:
    clock.shift(14 * 86_400 + 60)
    assert refused(scene, scene.gunshot()).code == "not-deployed"


def test_late_and_too_old(scene: Scene, clock: Any) -> None:
    body = scene.gunshot()
    old = scene.gunshot()
    clock.shift(6 * 60)
    alert, _new = post(scene, body)
    assert (alert.late, alert.priority, alert.flags) == (True, 3, ["late"])
    clock.shift(48 * 3600 + 60)
    error = refused(scene, old)
    assert (error.code, error.status) == ("too-old", 410)


def test_detail_is_not_written_once_its_key_is_gone(scene: Scene, clock: Any) -> None:
    body = scene.gunshot()
    clock.shift(47 * 3600 + 3600)
    clock.shift(47 * 3600 + 1800)
    alert, _new = post(scene, body)
    assert "late" in alert.flags
    if "detail-expired" in alert.flags:
        assert not AlertDetail.objects.filter(alert=alert).exists()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda b: b["gunshot"].update({"class": "scream"}), "forbidden-class"),
        (lambda b: b.update(kind="plate_read"), "forbidden-class"),
        (lambda b: b["gunshot"].update(faceTemplate=1), "forbidden-field"),
        (lambda b: b["gunshot"].update(voice="x"), "forbidden-field"),
        (lambda b: b["gunshot"]["detector"].update(model="https://x.example/a"), "forbidden-field"),
        (lambda b: b["gunshot"]["detector"].update(model="A" * 130), "forbidden-field"),
        (lambda b: b.update(image="x"), "schema"),
        (lambda b: b["gunshot"].update(confidence=1.2), "schema"),
        (lambda b: b.update(alpr_hit={}), "schema"),
        (lambda b: b.pop("clock"), "schema"),
        (lambda b: b.update(occurred_at="2026-02-31T00:00:00Z"), "schema"),
        (lambda b: b.update(occurred_at="2099-01-01T00:00:00Z"), "schema"),
        (lambda b: b.update(occurred_at="2026-01-01T00:00:00+01:00"), "schema"),
    ],
)
def test_what_does_not_fit_is_refused(scene: Scene, spoil: Any, code: str) -> None:
    body = scene.gunshot()
    spoil(body)
    assert refused(scene, body).code == code


@pytest.mark.parametrize(
    ("key", "hit"),
    [
        ("age", True), ("image", False), ("faceTemplate", True), ("surface", False), ("speaker_id", True),
        ("speaker", False), ("streamUrl", True), ("stream", False), ("faces", True), ("RTSPAddress", True),
        ("personnel", False), ("vehicleSignature", True), ("vehicle", False), ("wifi_probe", True),
    ],
)  # fmt: skip
def test_refusal_list_hits_whole_words(key: str, hit: bool) -> None:
    assert forbidden.is_forbidden_key(key) is hit


@pytest.mark.parametrize(
    "value",
    [
        {"a": "a." * 490_000},
        {"a": ("A" * 120 + ".") * 8_000},
        {"aA" * 490_000: 1},
        {"a": "a:/" * 300_000},
        {"a_" * 490_000: "www" * 10},
    ],
    ids=["scheme", "base64", "key", "colons", "words"],
)
def test_refusal_list_reads_the_longest_body_in_a_moment(value: Any) -> None:
    begun = time.process_time()
    with suppress(Refused):
        forbidden.check(value)
    assert time.process_time() - begun < 3


@pytest.mark.parametrize(
    "value",
    [
        [{"face": 1}],
        [[{"face": 1}]],
        {"a": [{"b": [{"face": 1}]}]},
        ["https://a.example/x"],
        [[["DATA:image/png"]]],
        {"sha256": {"a": "www.a.example"}},
        "rtsp://a.example/x",
    ],
)
def test_listed_words_are_found_at_any_depth_of_lists_and_objects(value: Any) -> None:
    with pytest.raises(Refused) as refusal:
        words.check_words(value)
    assert refusal.value.code == "forbidden-field"


def test_keys_are_remembered_as_harmless_within_bounds() -> None:
    forbidden.check({"x" * 1000: 1, "width": 1})
    assert "width" in words._harmless
    assert "x" * 1000 not in words._harmless
    for number in range(words._MOST_KEYS + 10):
        forbidden.check({f"k{number}": 1})
    assert len(words._harmless) <= words._MOST_KEYS
    for _twice in range(2):
        with pytest.raises(Refused):
            forbidden.check({"width": 1, "face": 1})
    assert all(len(phrase) <= 2 for phrase in words._PHRASES)


def test_values_are_never_echoed(scene: Scene) -> None:
    body = scene.hit()
    body["alpr_hit"]["confidence"] = "MARKER-77"
    error = refused(scene, body)
    assert "MARKER-77" not in str(error) + str(error.extra)
    assert error.extra["errors"] == [{"pointer": "/alpr_hit/confidence", "code": "invalid"}]


@pytest.mark.parametrize(
    "change",
    [
        "occurred_at = received_at", "received_at = now()", "trailer_id = trailer_id + 1", "lat = 1",
        "deployment_id = deployment_id + 1", "kind = 'alpr_hit'", "late = NOT late",
    ],
)  # fmt: skip
def test_what_was_reported_does_not_change_in_the_database(scene: Scene, change: str) -> None:
    alert, _new = post(scene, scene.gunshot())
    with (
        pytest.raises(IntegrityError, match="does not change"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE alerts_alert SET {change} WHERE id = %s", [alert.pk])


@pytest.mark.parametrize(
    "plate", ["\u202eZZDEM01", "ZZ\u200bDEM01", "ZZDEM01\u2066", "ZZ\u00adDEM01", "\ufeffZZDEM01"]
)
def test_a_plate_that_shows_otherwise_than_it_is_matched_is_refused(scene: Scene, plate: str) -> None:
    error = refused(scene, scene.hit(plate=plate))
    assert error.extra["errors"] == [{"pointer": "/alpr_hit/plate", "code": "invalid"}]
