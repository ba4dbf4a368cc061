"""AXIS License Plate Verifier: push events by HTTP POST, JSON.

Source: Axis developer documentation, "License plate verifier API", and the maker's "JSON fields (protocol
1.6)". A car makes ``new``, then ``update`` and at last ``lost``: only ``new`` and ``update`` are read.
Dropped: pictures of vehicle and frame, list name and action (not our lists), coordinates, geotag, car id.
The country alone is no ISO 3166-2 region.
"""

from __future__ import annotations

from typing import Any

from agent.adapters import forms, picking
from agent.adapters.picking import Malformed
from agent.ports import PlateRead

DIRECTIONS = {"in": "toward", "out": "away"}


def read(raw: bytes, content_type: str) -> list[PlateRead]:
    """Return the reads of one POST, which holds one event or a list of them. Raises ``Malformed``."""
    if content_type.startswith("multipart/"):
        raw = forms.first(raw, content_type, "json")
    body = picking.parsed(raw)
    events = body[:20] if isinstance(body, list) else [body]
    if not all(isinstance(event, dict) for event in events):
        raise Malformed("no event")
    return [found for event in events if (found := _one(event)) is not None]


def _one(event: dict[str, Any]) -> PlateRead | None:
    if event.get("carState") not in ("new", "update", "updated"):
        return None
    names = ("plateASCII", "plateUTF8", "plateText")
    plate = next((found for name in names if (found := picking.plate(event.get(name))) is not None), None)
    if plate is None:
        return None
    of_plate = event.get("imageType") == "plate"
    return PlateRead(
        plate=plate,
        jurisdiction=picking.region(event.get("iso3166-2")),
        confidence=picking.share(event.get("plateConfidence")),
        read_at=picking.unix_s(event.get("capture_timestamp"), 1000.0),
        camera=picking.camera(event.get("sensorProviderID")),
        direction=DIRECTIONS.get(str(event.get("carMoveDirection"))),
        vehicle=picking.vehicle(
            color=event.get("vehicleColor"), make=event.get("vehicleMake"), type=event.get("vehicleType")
        ),
        crop=picking.jpeg(event.get("imageArray")) if of_plate else None,
    )
