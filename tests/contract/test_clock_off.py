"""A device whose clock is a day off: it is told the time and signs again; its alert says what it said.

The signature's time is judged first and says nothing of the alert's: once it is right, what happened is still
a day in the past (late, quiet) or a day ahead (refused).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from csoc.lib import clock as console_clock
from tests.contract.place import ALERTS, BULK, Place, verdict

DAY = 86_400
SNAPSHOT = "/api/v1/live/snapshot/"


def device_time(off_s: int) -> datetime:
    """What a device's clock shows that is so many seconds off."""
    return console_clock.now() + timedelta(seconds=off_s)


def happened(place: Place, off_s: int) -> dict[str, Any]:
    """A shot, heard now, by a device's clock that is off."""
    return place.gunshot(occurred_at=console_clock.wire(device_time(off_s)))


def sent(place: Place, value: Any, off_s: int, path: str = ALERTS) -> Any:
    """Send as an agent does: sign by its own clock, take the console's time from the refusal, sign again."""
    raw = json.dumps(value).encode()
    answer = place.device.send(path, raw, created=int(device_time(off_s).timestamp()))
    assert verdict(answer) == (401, "clock-skew")
    told = datetime.fromisoformat(answer.json()["server_time"])
    assert abs((told - console_clock.now()).total_seconds()) < 10
    return place.device.send(path, raw, created=int(told.timestamp()))


def shown(place: Place, alert: str) -> dict[str, Any]:
    """The alert on the dispatcher's screen."""
    [row] = [row for row in place.person("dispatcher").get(SNAPSHOT).json()["alerts"] if row["id"] == alert]
    return dict(row)


@pytest.mark.parametrize("kind", ["gunshot", "hit"])
def test_a_day_behind_is_taken_late_and_quiet(place: Place, clock: Any, kind: str) -> None:
    # The list is two days old from 48 h on; a day is in time for both kinds.
    clock.shift(DAY + 60)
    at = console_clock.wire(device_time(-DAY))
    body = place.gunshot(occurred_at=at) if kind == "gunshot" else place.hit() | {"occurred_at": at}
    answer = sent(place, body, -DAY)
    assert (answer.status_code, answer.json()["late"]) == (201, True)
    row = shown(place, body["id"])
    assert (row["priority"], row["late"], row["flags"]) == (3, True, ["late"]), "no tone for it (sounds())"
    assert row["occurred_at"] == body["occurred_at"], "what the device said of the past stays"


def test_a_day_ahead_is_refused_as_future_and_nothing_of_it_stays(place: Place) -> None:
    body = happened(place, DAY)
    answer = sent(place, body, DAY)
    assert verdict(answer) == (422, "schema")
    assert answer.json()["errors"] == [{"pointer": "/occurred_at", "code": "future"}]
    assert place.sql("SELECT count(*) FROM alerts_alert WHERE id = %s", [body["id"]]) == [(0,)]
    # The clock was put right by the first refusal: what it hears from now on is on time.
    said = place.accepted()
    assert said["late"] is False and shown(place, said["id"])["priority"] == 1


def test_in_bulk_each_is_late_too_old_or_ahead_by_itself(place: Place, clock: Any) -> None:
    clock.shift(50 * 3600)
    ages_s = {"now": 0, "in time": 295, "late": 310, "a day": DAY, "too old": 49 * 3600, "ahead": -DAY}
    bodies = {name: happened(place, -age_s) for name, age_s in ages_s.items()}
    answer = sent(place, list(bodies.values()), -DAY, BULK)
    assert answer.status_code == 200, answer.text
    told = [(row["status"], row.get("type", "").removeprefix("/problems/")) for row in answer.json()]
    assert dict(zip(bodies, told, strict=True)) == {
        "now": (201, ""), "in time": (201, ""), "late": (201, ""), "a day": (201, ""),
        "too old": (410, "too-old"), "ahead": (422, "schema"),
    }  # fmt: skip
    quiet = {name: shown(place, bodies[name]["id"])["late"] for name in ("now", "in time", "late", "a day")}
    assert quiet == {"now": False, "in time": False, "late": True, "a day": True}
    for name in ("too old", "ahead"):
        kept = place.sql("SELECT count(*) FROM alerts_alert WHERE id = %s", [bodies[name]["id"]])
        assert kept == [(0,)], name


@pytest.mark.parametrize("path", ["/api/v1/telemetry/", "/api/v1/desired/", "/api/v1/hotlist/"])
@pytest.mark.parametrize("off_s", [DAY, -DAY])
def test_every_door_of_a_device_tells_the_time(place: Place, path: str, off_s: int) -> None:
    raw = b"[]" if "telemetry" in path else None
    method = "POST" if raw else "GET"
    created = int(device_time(off_s).timestamp())
    headers = place.device.headers(path, raw, method=method, created=created)
    answer = place.http.request(method, path, content=raw, headers=headers)
    assert verdict(answer) == (401, "clock-skew")
    told = datetime.fromisoformat(answer.json()["server_time"])
    assert abs((told - console_clock.now()).total_seconds()) < 10
