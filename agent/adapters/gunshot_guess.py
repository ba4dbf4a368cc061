"""A GUESS at a gunshot detector's webhook. No maker publishes the payload of a Raven detector.

Nothing here was ever seen on a wire: the names are what such a payload might use, so this module is wired to
nothing by default and an integrator must replace ``NAMES`` by what their detector really sends. What is sure
is the way out: only the class ``gunshot`` leaves, and no sound, no speech and no other class ever does.
"""

from __future__ import annotations

from typing import Any

from agent.adapters import picking
from agent.adapters.picking import Malformed

#: The contract's name -> where this guess looks for it.
NAMES: dict[str, tuple[str, ...]] = {
    "class": ("event", "classification"),
    "confidence": ("event", "confidence"),
    "rounds": ("event", "rounds"),
    "span_ms": ("event", "duration_ms"),
    "lat": ("event", "location", "latitude"),
    "lon": ("event", "location", "longitude"),
    "uncertainty_m": ("event", "location", "radius_m"),
    "firmware": ("device", "firmware"),
    "event_id": ("event", "id"),
}


def guess(raw: bytes) -> dict[str, Any] | None:
    """Return the contract's ``gunshot`` block, None for every other class. Raises ``Malformed``."""
    body = picking.parsed(raw)
    if not isinstance(body, dict):
        raise Malformed("not an object")
    told = {name: picking.at(body, *path) for name, path in NAMES.items()}
    confidence = picking.number(told["confidence"])
    if picking.word(told["class"]) != "gunshot" or confidence is None or not 0 <= confidence <= 1:
        return None
    block: dict[str, Any] = {"class": "gunshot", "confidence": round(confidence, 4)}
    for name, most in (("rounds", 100), ("span_ms", 7000)):
        value = picking.number(told[name])
        if value is not None and 1 <= value <= most:
            block[name] = int(value)
    block |= _location(told)
    detector = {
        name: told[name] for name in ("firmware", "event_id") if picking.camera(told[name]) == told[name]
    }
    return block | {"detector": {"make": "unknown", "model": "guessed", **detector}}


def _location(told: dict[str, Any]) -> dict[str, Any]:
    lat, lon = picking.number(told["lat"]), picking.number(told["lon"])
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return {}
    within = picking.number(told["uncertainty_m"])
    known = {} if within is None or not 0 <= within <= 10_000 else {"uncertainty_m": within}
    return {"location": {"lat": lat, "lon": lon, **known}}
