"""Rekor Scout, formerly OpenALPR: ``alpr_group``, ``alpr_results`` and ``alpr_alert`` by HTTP POST.

Source: Rekor Scout documentation, "JSON Group Results" and "JSON Plate Results"; Rekor help centre, "How do I
receive data to my custom application from Rekor Scout using webhooks". Confidences are per cent, times Unix
milliseconds. Dropped: the vehicle crop, the vehicle's make-model-year scores and signature, coordinates of
the vehicle, candidates, the agent's identity, GPS, and the alert's list and description.
"""

from __future__ import annotations

from typing import Any

from agent.adapters import picking
from agent.adapters.picking import Malformed
from agent.ports import PlateRead


def read(raw: bytes, content_type: str) -> list[PlateRead]:
    """Return the reads of one POST; a heartbeat or another kind has none. Raises ``Malformed``."""
    body = picking.parsed(raw)
    kind = picking.at(body, "data_type")
    if kind == "alpr_alert":
        body, kind = picking.at(body, "group"), "alpr_group"
    if kind == "alpr_group":
        return _one(picking.at(body, "best_plate"), body, "epoch_start")
    if kind == "alpr_results":
        return [read for row in picking.rows(body, "results") for read in _one(row, body, "epoch_time")]
    if not isinstance(kind, str):
        raise Malformed("no data_type")
    return []


def _one(best: Any, around: Any, time: str) -> list[PlateRead]:
    # Older agents give the best plate as a text beside its confidence.
    told = best if isinstance(best, dict) else {}
    plate = picking.plate(told.get("plate") or picking.at(around, "best_plate_number"))
    if plate is None:
        return []
    confidence = told.get("confidence", picking.at(around, "best_confidence"))
    return [
        PlateRead(
            plate=plate,
            jurisdiction=picking.region(told.get("region") or picking.at(around, "best_region")),
            confidence=picking.share(confidence, 100.0),
            read_at=picking.unix_s(picking.at(around, time), 1000.0),
            camera=picking.camera(picking.at(around, "camera_id")),
            vehicle=picking.vehicle(
                color=picking.at(around, "vehicle", "color", 0, "name"),
                make=picking.at(around, "vehicle", "make", 0, "name"),
                type=picking.at(around, "vehicle", "body_type", 0, "name"),
            ),
            crop=picking.jpeg(told.get("plate_crop_jpeg")),
        )
    ]
