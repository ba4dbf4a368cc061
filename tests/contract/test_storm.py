"""25,000 hostile bodies from a fixed seed: no 5xx, none over 2 s, no value echoed, nothing kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from alerts import forbidden, schemas
from csoc.lib import strictjson
from csoc.lib.errors import Refused
from tests.contract import hostile, storm
from tests.contract.place import ALERTS, BULK, Device, Place

SEED = 20260427
#: Over HTTP, by door; the rest of the 25,000 goes through the readers themselves, which is the same code.
OVER_HTTP = {"gunshot": 700, "hit": 500, "bulk": 200, "enrolment": 400, "keys": 200, "acts": 400}
READ = 25_000 - sum(OVER_HTTP.values())
#: What may be written while everything is refused: counted refusals, spent nonces, denied and failed acts.
REFUSAL_VERBS = {"alert.refuse"}


def signed(device: Device, path: str) -> Callable[[storm.Body], dict[str, str]]:
    return lambda body: device.headers(path, body.raw, content_type=body.media)


def door_of(place: Place, name: str) -> storm.Door:
    match name:
        case "gunshot" | "hit":
            return storm.Door(name, ALERTS, getattr(place, name), signed(place.device, ALERTS))
        case "bulk":
            # The second one is never on the list: an array of which one alert is spoilt takes nothing either.
            return storm.Door(
                name,
                BULK,
                lambda: [place.gunshot(), place.hit(plate="ZZNONE0")],
                signed(place.device, BULK),
                rows=True,
            )
        case "enrolment":
            return storm.Door(
                name, "/api/v1/enrolment/", enrolment, lambda body: {"Content-Type": body.media}
            )
        case _:
            path = "/api/v1/keys/"
            return storm.Door(name, path, lambda: {"public_key": "A" * 20}, signed(place.stranger, path))


def enrolment() -> dict[str, Any]:
    return {
        "token": "t" * 43, "public_key": "A" * 43, "serial": "s", "agent_version": "1",
        "capabilities": ["ptz"],
        "audio": {"rate_hz": 16000}, "proof": "A" * 86,
    }  # fmt: skip


def run(place: Place, door: storm.Door, n: int) -> storm.Report:
    """Attack a door on two connections at once, and hold the console to what it may keep of it."""
    rows, entries = place.count(), len(place.entries())
    report = storm.Report()
    wires = [storm.Wire("127.0.0.1", place.port) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        halves = [
            pool.submit(storm.attack, wire, door, SEED + number, n // 2, report)
            for number, wire in enumerate(wires)
        ]
        for half in halves:
            half.result()
    for wire in wires:
        wire.close()
    assert report.faults == [], "\n".join(report.faults[:10])
    assert report.sent == n // 2 * 2
    assert place.count() - rows == report.taken, "a row for each that was valid after all, and no other"
    new = place.entries()[entries:]
    kept = [row for row in new if row["verb"] not in REFUSAL_VERBS and row["outcome"]["result"] == "allowed"]
    assert len(kept) == report.taken, {row["verb"] for row in kept}
    assert place.found(storm.MARK) == []
    return report


@pytest.mark.parametrize("name", ["gunshot", "hit", "bulk", "enrolment", "keys"])
def test_device_doors(place: Place, name: str) -> None:
    report = run(place, door_of(place, name), OVER_HTTP[name])
    assert report.statuses[400] > report.sent * 0.2
    assert name == "bulk" or report.taken < report.sent * 0.1
    assert len(report.kinds) >= 12


ACTS: dict[str, dict[str, Any]] = {
    "acknowledge": {"version": 9},
    "close": {"version": 9, "outcome": "test", "note": "n"},
    "verify-plate": {"version": 9, "decision": "confirm"},
    "hand-back": {"reason": "r"},
    "note": {"text": "t"},
}


def test_acts_of_people(place: Place) -> None:
    """On an alert that is closed: a well-formed act is refused by its state or its version."""
    alert = place.acknowledged()
    dana = place.person("dispatcher")
    assert dana.post(f"{ALERTS}{alert}/close/", {"version": 2, "outcome": "test"}).status_code == 200
    session = dana.token | {"Cookie": dana.cookie, "Referer": place.url}
    for name, valid in ACTS.items():
        door = storm.Door(
            name, f"{ALERTS}{alert}/{name}/", lambda valid=valid: dict(valid),
            lambda body: session | {"Content-Type": body.media},
        )  # fmt: skip
        run(place, door, OVER_HTTP["acts"] // len(ACTS))


def test_the_readers_of_a_body(place: Place) -> None:
    """What the doors do with a body once it is signed, body by body: refused by code, or valid."""
    codes: dict[str, int] = {}
    valids = {"gunshot": place.gunshot, "hit": place.hit}
    for number, (name, valid) in enumerate(valids.items()):
        for body, _n in zip(storm.bodies(SEED + 10 + number, valid), range(READ // 2), strict=False):
            try:
                value = strictjson.loads(body.raw)
                forbidden.check(value)
                schemas.alert_from(value)
            except Refused as refused:
                assert refused.status in (400, 422), body
                told = json.dumps([refused.sentence, refused.extra])
                assert storm.MARK not in told, body
                codes[refused.code] = codes.get(refused.code, 0) + 1
            else:
                assert not body.fatal or body.kind in ("media types", "multipart", "sizes"), (name, body)
    assert set(codes) == {"bad-json", "schema", "forbidden-field", "forbidden-class"}
    assert min(codes.values()) > 50, codes


def test_the_count_is_25000() -> None:
    assert sum(OVER_HTTP.values()) + READ // 2 * 2 == 25_000
    assert hostile.SLOWEST_S == 2.0


def test_the_same_seed_is_the_same_storm(place: Place) -> None:
    """A fault that a long run finds can be found again by its seed, also where bodies share a part."""
    body = place.gunshot()
    first, second, other = (
        [made.raw for made, _n in zip(storm.bodies(seed, lambda: body), range(300), strict=False)]
        for seed in (5, 5, 6)
    )
    assert first == second != other
