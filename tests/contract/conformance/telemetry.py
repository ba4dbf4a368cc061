"""`POST /api/v1/telemetry/`: what a trailer says of itself, in arrays."""

from __future__ import annotations

from typing import Any

from tests.contract.conformance.kit import Kit, check, refused, wire

TELEMETRY = "/api/v1/telemetry/"


def reading(kit: Kit, ago_s: float = 0, **changes: Any) -> dict[str, Any]:
    """One reading; what is unknown is null."""
    kit.seq += 1
    return {
        "ts": wire(-ago_s), "seq": kit.seq,
        "power": {"battery_soc_pct": 71.5, "battery_v": 25.6, "battery_a": None, "solar_w": 0},
        "site": {"door": None, "tilt_deg": 0.4},
        "health": {}, "replayed": False, **changes,
    }  # fmt: skip


@check("m.shape", "m.duplicate")
def readings_are_taken_once(kit: Kit) -> None:
    """202 with how many were new; the same again are duplicates."""
    three = [reading(kit, ago) for ago in (120, 60, 0)]
    first = kit.post(three, TELEMETRY)
    assert first.status_code == 202, first.text[:300]
    assert first.json() == {"accepted": 3, "duplicate": 0}
    assert kit.post(three, TELEMETRY).json() == {"accepted": 0, "duplicate": 3}
    assert kit.post([], TELEMETRY).json() == {"accepted": 0, "duplicate": 0}


@check("m.most")
def two_hundred_are_the_most(kit: Kit) -> None:
    """201 readings are refused as a whole."""
    refused(kit.post([reading(kit) for _ in range(201)], TELEMETRY), 413, "too-large")


@check("m.closed")
def a_reading_is_closed_and_typed(kit: Kit) -> None:
    """Texts for numbers, surplus keys, forbidden words, no array: refused, and values never echoed."""
    wrong: list[Any] = [
        reading(kit, seq="1"), reading(kit, ts="yesterday"), reading(kit, surplus=1),
        reading(kit, power={"battery_soc_pct": "full"}), reading(kit, power={"battery_soc_pct": 101}),
        reading(kit, site={"door": "ajar?"}), 7, None,
    ]  # fmt: skip
    for value in wrong:
        refused(kit.post([value], TELEMETRY), 422, "schema")
    refused(kit.post([reading(kit, face=1)], TELEMETRY), 422, "forbidden-field")
    assert kit.post(reading(kit), TELEMETRY).status_code in (400, 422)
    refused(kit.http.post(TELEMETRY, json=[reading(kit)]), 401, "bad-signature")
