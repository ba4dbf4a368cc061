"""`POST /api/v1/telemetry/`: what is taken, what is known, and what is refused without a trace."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from csoc.lib import clock as console_clock
from tests.contract.place import Place, verdict

TELEMETRY = "/api/v1/telemetry/"
MARK = "TELEMARK7Q"
POINT: dict[str, Any] = {
    "seq": 1,
    "power": {
        "battery_soc_pct": 81.5, "battery_v": 25.9, "battery_a": -3.2, "battery_c": 18, "solar_w": 420,
        "load_w": 96, "gen_state": "off", "gen_hours_s": 1440000, "fuel_pct": 78,
    },
    "site": {"door": "closed", "tilt_deg": 0.4, "lat": 43.6595, "lon": -79.669, "satellites": 11},
    "health": {"cabinet_c": 31.5, "cpu_pct": 20, "clock_source": "gnss", "clock_error_ms": 5, "link": "lte"},
    "replayed": False,
}  # fmt: skip
_SEQ = iter(range(1000, 100_000))


def point(at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """One valid point of now, with its own number."""
    body = copy.deepcopy(POINT) | {"ts": console_clock.wire(at or console_clock.now()), "seq": next(_SEQ)}
    return body | changes


def rows(place: Place) -> int:
    return place.count("trailers_telemetry")


def test_points_are_taken_once(place: Place) -> None:
    before = rows(place)
    now = console_clock.now()
    three = [point(now - timedelta(minutes=n)) for n in (2, 1, 0)]
    answer = place.device.post(three, TELEMETRY)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 3, "duplicate": 0})
    again = place.device.post([three[0], point(), three[2], three[2]], TELEMETRY)
    assert (again.status_code, again.json()) == (202, {"accepted": 1, "duplicate": 3})
    assert rows(place) == before + 4
    kept = place.sql(
        "SELECT battery_soc_pct, battery_a, gen_state, gen_hours_s, door_open, satellites, cabinet_c, "
        "health->>'link', replayed FROM trailers_telemetry WHERE seq = %s",
        [three[1]["seq"]],
    )
    assert kept == [(81.5, -3.2, "off", 1440000, False, 11, 31.5, "lte", False)]


def test_what_is_absent_or_null_is_unknown_and_never_a_figure(place: Place) -> None:
    bare, null = point(), point(power=None, site={"door": None, "tilt_deg": None}, health={"cabinet_c": None})
    for part in ("power", "site", "health", "replayed"):
        del bare[part]
    assert place.device.post([bare, null], TELEMETRY).status_code == 202
    found = place.sql(
        "SELECT battery_soc_pct, solar_w, door_open, tilt_deg, lat, cabinet_c, health::text, replayed "
        "FROM trailers_telemetry WHERE seq = ANY(%s)",
        [[bare["seq"], null["seq"]]],
    )
    assert found == [(None, None, None, None, None, None, "{}", False)] * 2


def test_it_needs_no_deployment_and_history_is_welcome(place: Place) -> None:
    week = [point(console_clock.now() - timedelta(days=n), replayed=True) for n in (7, 29)]
    answer = place.device.post(week, TELEMETRY)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert place.device.post([], TELEMETRY).json() == {"accepted": 0, "duplicate": 0}


def test_two_hundred_fit_and_one_more_does_not(place: Place) -> None:
    now = console_clock.now() - timedelta(hours=3)
    many = [point(now + timedelta(seconds=n)) for n in range(200)]
    before = rows(place)
    assert verdict(place.device.post([*many, point()], TELEMETRY)) == (413, "too-large")
    assert rows(place) == before
    assert place.device.post(many, TELEMETRY).json() == {"accepted": 200, "duplicate": 0}


def inside(part: str, **changes: Any) -> dict[str, Any]:
    body = point()
    body[part] = body[part] | changes
    return body


WRONG: dict[str, tuple[Any, tuple[int, str]]] = {
    "no array": (lambda: point(), (422, "schema")),
    "no object": (lambda: [7], (422, "schema")),
    "no time": (lambda: [{"seq": 1}], (422, "schema")),
    "no number": (lambda: [{"ts": console_clock.wire(console_clock.now())}], (422, "schema")),
    "unknown key": (lambda: [point(extra=MARK)], (422, "schema")),
    "unknown figure": (lambda: [inside("power", wind_w=MARK)], (422, "schema")),
    "unknown health": (lambda: [inside("health", note=MARK)], (422, "schema")),
    "a word on people": (lambda: [inside("health", pedestrians=MARK)], (422, "forbidden-field")),
    "sound": (lambda: [inside("site", speech=MARK)], (422, "forbidden-field")),
    "a place for media": (lambda: [inside("health", link="http://" + MARK)], (422, "forbidden-field")),
    "a sentence for a state": (lambda: [inside("power", gen_state=MARK)], (422, "schema")),
    "a sentence for a fault": (lambda: [inside("health", faults=[MARK + " was here"])], (422, "schema")),
    "minus one for unknown": (lambda: [inside("power", battery_soc_pct=-1)], (422, "schema")),
    "more than all": (lambda: [inside("power", fuel_pct=101)], (422, "schema")),
    "off the globe": (lambda: [inside("site", lat=91)], (422, "schema")),
    "text for a figure": (lambda: [inside("power", solar_w="420")], (422, "schema")),
    "truth for a figure": (lambda: [inside("site", satellites=True)], (422, "schema")),
    "a negative number": (lambda: [point(seq=-1)], (422, "schema")),
    "no calendar's day": (lambda: [point(ts="2026-02-30T10:00:00Z")], (422, "schema")),
    "no zone": (lambda: [point(ts="2026-02-20T10:00:00")], (422, "schema")),
    "the future": (lambda: [point(console_clock.now() + timedelta(seconds=40))], (422, "schema")),
    "the past": (lambda: [point(console_clock.now() - timedelta(days=30, minutes=1))], (410, "too-old")),
    "one bad of two": (lambda: [point(), inside("power", fuel_pct=MARK)], (422, "schema")),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_whole_and_leaves_nothing(place: Place, name: str) -> None:
    make, expected = WRONG[name]
    before = rows(place)
    answer = place.device.post(make(), TELEMETRY)
    assert verdict(answer) == expected
    assert MARK not in answer.text
    assert rows(place) == before
    if expected[1] == "schema":
        assert {error["code"] for error in answer.json()["errors"]} <= {"invalid", "future"}
    assert place.found(MARK) == []


def test_the_door_is_the_trailers_own(place: Place) -> None:
    raw = json.dumps([point()]).encode()
    assert (
        place.http.post(TELEMETRY, content=raw, headers={"Content-Type": "application/json"}).status_code
        == 401
    )
    assert place.person("technician").post(TELEMETRY, [point()]).status_code == 401
    assert verdict(place.device.send(TELEMETRY, b'[{"seq":1,"seq":2}]')) == (400, "bad-json")
    assert verdict(place.device.send(TELEMETRY, b"[" + b" " * 131_072 + b"]"))[1] == "too-large"
    assert place.http.get(TELEMETRY).status_code in (401, 405)


def test_signed_refusals_are_counted(place: Place) -> None:
    before = place.refusals("forbidden-field")
    place.device.post([inside("health", faces=1)], TELEMETRY)
    assert place.refusals("forbidden-field") == before + 1
