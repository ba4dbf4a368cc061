"""What an accepted alert becomes: answer, place, priority, flags, repeats. Over HTTP, really signed."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest

from csoc.lib import clock as console_clock
from tests.contract.place import ALERTS, Place, verdict

SNAPSHOT = "/api/v1/live/snapshot/"


def shown(place: Place, alert: str) -> dict[str, Any]:
    """The alert on the dispatcher's screen."""
    rows = place.person("dispatcher").get(SNAPSHOT).json()["alerts"]
    [row] = [row for row in rows if row["id"] == alert]
    return dict(row)


@pytest.mark.parametrize("kind", ["gunshot", "hit"])
def test_an_accepted_alert_is_answered_as_agreed(place: Place, kind: str) -> None:
    body = getattr(place, kind)()
    answer = place.device.post(body)
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "received_at", "state", "late", "upload"}
    said = answer.json()
    assert (said["id"], said["state"], said["late"]) == (body["id"], "unacknowledged", False)
    assert said["received_at"].endswith("Z")
    assert place.sql("SELECT count(*) FROM alerts_alert WHERE id = %s", [body["id"]]) == [(1,)]
    [entry] = place.entries("alert.receive", body["id"])
    assert entry["actor"]["kind"] == "trailer"
    assert entry["actor"]["id"] == body["trailer"]


MINIMAL = {
    "gunshot": {"class": "gunshot", "confidence": 0},
    "alpr_hit": {
        "plate": "ZZDEM01", "jurisdiction": "CA-ON", "confidence": 1, "match": "exact",
        "hotlist": {"list_id": "mto-on", "version": 1, "entry_id": "e-1000"},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", MINIMAL)
def test_only_what_the_contract_requires_is_required(place: Place, kind: str) -> None:
    whole = place.gunshot()
    common = {
        name: whole[name] for name in ("schema", "id", "trailer", "occurred_at", "seq", "deployment")
    } | {"clock": {"source": "ntp"}, "kind": kind, kind: MINIMAL[kind]}
    assert place.device.post(common).status_code == 201
    for name in common:
        less = {key: value for key, value in common.items() if key != name} | {"id": str(uuid.uuid4())}
        if name == "id":
            del less["id"]
        assert verdict(place.device.post(less)) == (422, "schema"), name
    for name in MINIMAL[kind]:
        block = {key: value for key, value in MINIMAL[kind].items() if key != name}
        answer = place.device.post(common | {"id": str(uuid.uuid4()), kind: block})
        assert verdict(answer) == (422, "schema"), name
        assert answer.json()["errors"] == [{"pointer": f"/{kind}", "code": "missing-key"}]


def test_the_same_values_again_are_the_same_answer(place: Place) -> None:
    body = place.hit()
    first = place.device.post(body)
    assert first.status_code == 201
    said, respelt = '"confidence": 0.94', '"confidence": 0.940'
    spelt = json.dumps(dict(reversed(body.items())), indent=2).replace(said, respelt)
    assert spelt.count(respelt) == 1
    for raw in (json.dumps(body), spelt):
        again = place.device.send(ALERTS, raw.encode())
        assert (again.status_code, again.content) == (200, first.content)
    [row] = place.device.bulk([body]).json()
    assert (row["status"], row["received_at"]) == (200, first.json()["received_at"])
    assert len(place.entries("alert.receive", body["id"])) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.update(seq=b["seq"] + 1000),
        lambda b: b["clock"].update(error_ms=6),
        lambda b: b["alpr_hit"].update(confidence=0.95),
        lambda b: b["alpr_hit"]["vehicle"].update(color="red"),
        lambda b: b["alpr_hit"].pop("camera"),
        lambda b: b.pop("position"),
    ],
)
def test_other_values_under_one_id_are_a_conflict(place: Place, change: Any) -> None:
    body = place.hit()
    place.accepted(body)
    change(body)
    assert verdict(place.device.post(body)) == (409, "id-conflict")


def test_another_trailers_id_is_a_conflict_that_tells_nothing(place: Place) -> None:
    body = place.gunshot()
    place.accepted(body)
    theirs = dict(place.other.gunshot(id=body["id"]))
    answer = place.stranger.post(theirs)
    assert verdict(answer) == (409, "id-conflict")
    assert place.scene.trailer.name not in answer.text
    assert place.sql("SELECT count(*) FROM alerts_alert WHERE id = %s", [body["id"]]) == [(1,)]


def test_a_repeat_after_the_person_acted_is_still_the_first_answer(place: Place) -> None:
    body = place.gunshot()
    first = place.device.post(body)
    place.person("dispatcher").post(f"{ALERTS}{body['id']}/acknowledge/", {"version": 1})
    again = place.device.post(body)
    assert (again.status_code, again.content) == (200, first.content)


@pytest.mark.parametrize(
    ("late_s", "late", "priority"), [(0, False, 1), (295, False, 1), (310, True, 3), (40 * 3600, True, 3)]
)
def test_late_after_five_minutes(place: Place, clock: Any, late_s: int, late: bool, priority: int) -> None:
    body = place.gunshot()
    clock.shift(late_s)
    assert place.accepted(body)["late"] is late
    row = shown(place, body["id"])
    assert (row["late"], row["priority"], row["flags"]) == (late, priority, ["late"] if late else [])


#: Category and match of the entries of the list, and what they ring with.
PRIORITIES = [
    ("e-1000", "ZZDEM01", "CA-ON", "exact", 3, []),
    ("e-1001", "ZZDEM02", "CA-ON", "exact", 2, []),
    ("e-1002", "ZZDEM03", "CA-ON", "exact", 2, []),
    ("e-1003", "ZZDEM04", "CA-QC", "exact", 3, []),
    ("e-1004", "ZZDEM05", "CA-ON", "exact", 2, []),
    ("e-1004", "zz-dem 05", "CA-ON", "exact", 2, []),
    ("e-1004", "ＺＺＤＥＭ０５", "CA-ON", "exact", 2, []),
    ("e-1004", "ZZDEM05", "CA-ON", "lookalike", 3, ["lookalike"]),
    ("e-1004", "ZZDEMO5", "CA-ON", "exact", 3, ["lookalike"]),
    ("e-1004", "ZZDEM05", "unknown", "exact", 3, ["lookalike"]),
    ("e-1005", "ZZBEM06", "CA-ON", "lookalike", 3, ["lookalike"]),
]


@pytest.mark.parametrize(("entry", "plate", "jurisdiction", "match", "priority", "flags"), PRIORITIES)
def test_what_a_hit_rings_with(
    place: Place, entry: str, plate: str, jurisdiction: str, match: str, priority: int, flags: list[str]
) -> None:
    body = place.hit(plate=plate, entry_id=entry, jurisdiction=jurisdiction, match=match)
    place.accepted(body)
    row = shown(place, body["id"])
    assert (row["priority"], row["flags"]) == (priority, flags)
    assert plate not in json.dumps(row)


def test_a_late_hit_of_the_hottest_list_is_not_loud(place: Place, clock: Any) -> None:
    body = place.hit(plate="ZZDEM03", entry_id="e-1002")
    clock.shift(400)
    place.accepted(body)
    assert (shown(place, body["id"])["priority"], shown(place, body["id"])["flags"]) == (3, ["late"])


@pytest.mark.parametrize(("north_deg", "flags"), [(0.0067, []), (0.0069, ["outside-radius"])])
def test_a_shot_over_750_m_away_is_kept_and_flagged(place: Place, north_deg: float, flags: list[str]) -> None:
    body = place.gunshot()
    body["gunshot"]["location"]["lat"] = body["position"]["lat"] + north_deg
    place.accepted(body)
    row = shown(place, body["id"])
    assert row["flags"] == flags
    assert (row["lat"], row["uncertainty_m"]) == (body["gunshot"]["location"]["lat"], 45)


def test_without_a_place_of_the_shot_the_trailer_is_the_place(place: Place) -> None:
    body = place.gunshot()
    del body["gunshot"]["location"], body["position"]
    place.accepted(body)
    row = shown(place, body["id"])
    deployment = place.scene.deployment
    assert (row["lat"], row["lon"], row["uncertainty_m"]) == (deployment.lat, deployment.lon, None)


def test_after_its_key_is_gone_an_alert_keeps_nothing_of_what_it_says(place: Place, clock: Any) -> None:
    """Between 47 and 48 h after capture: taken, late, but contentless."""
    body = place.gunshot()
    body["gunshot"]["location"]["uncertainty_m"] = 45_678
    clock.shift(48 * 3600 - 20)
    said = place.accepted(body)
    assert (said["late"], said["upload"]) == (True, None)
    row = shown(place, body["id"])
    assert row["flags"] == ["detail-expired", "late"]
    assert (row["lat"], row["uncertainty_m"]) == (body["position"]["lat"], None)
    kept = place.sql("SELECT count(*) FROM alerts_alertdetail WHERE alert_id = %s", [body["id"]])
    assert kept == [(0,)]
    opened = place.person("dispatcher").get(f"{ALERTS}{body['id']}/detail/")
    assert verdict(opened) == (410, "detail-expired")


@pytest.mark.parametrize("ahead_s", [5, 25])
def test_a_clock_half_a_minute_ahead_is_taken(place: Place, ahead_s: int) -> None:
    at = console_clock.now() + timedelta(seconds=ahead_s)
    place.accepted(place.gunshot(occurred_at=console_clock.wire(at)))


def test_plates_stand_nowhere_in_the_clear(place: Place) -> None:
    """Accepted, seen, judged, closed: the plate is in no table, file or log but the list itself."""
    body = place.hit(plate="ZZ8EM06", entry_id="e-1005", vehicle={"color": "markergrey"})
    body["alpr_hit"]["plate"] = "ZZ 8EM 06"
    alert = place.acknowledged(body)
    dana = place.person("dispatcher")
    assert dana.get(f"{ALERTS}{alert}/detail/").json()["plate"] == "ZZ 8EM 06"
    version = dana.post(f"{ALERTS}{alert}/verify-plate/", {"decision": "confirm", "version": 2}).json()
    closing = {"outcome": "confirmed", "note": "MARKER-NOTE", "version": version["version"]}
    assert dana.post(f"{ALERTS}{alert}/close/", closing).status_code == 200
    for marker in ("ZZ 8EM 06", "markergrey", "MARKER-NOTE"):
        assert place.found(marker) == [], marker
    assert place.found("ZZ8EM06") == ["public.alerts_hotlistentry"]


def test_rejecting_a_plate_erases_it_at_once(place: Place) -> None:
    alert = place.acknowledged(place.hit())
    dana = place.person("dispatcher")
    rejected = dana.post(f"{ALERTS}{alert}/verify-plate/", {"decision": "reject", "version": 2})
    assert rejected.status_code == 200
    assert verdict(dana.get(f"{ALERTS}{alert}/detail/")) == (410, "detail-expired")
    assert place.sql("SELECT count(*) FROM alerts_alertdetail WHERE alert_id = %s", [alert]) == [(0,)]
