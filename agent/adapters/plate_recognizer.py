"""Plate Recognizer Stream: the recognition webhook, as JSON or as a form whose field ``json`` holds it.

Source: Plate Recognizer guides, "Webhooks and Outputs" (Stream). Scores are 0 to 1, times ISO 8601. Dropped:
the frame and vehicle pictures of the form, file names and ``source_url``, boxes, candidates, orientation,
model, dwell time and everything of ``hook``.
"""

from __future__ import annotations

from typing import Any

from agent.adapters import forms, picking
from agent.adapters.picking import Malformed
from agent.ports import PlateRead


def read(raw: bytes, content_type: str) -> list[PlateRead]:
    """Return the reads of one POST; another event than a recognition has none. Raises ``Malformed``."""
    if content_type.startswith("multipart/"):
        raw = forms.field(raw, content_type, "json")
    body = picking.parsed(raw)
    data = picking.at(body, "data")
    if not isinstance(data, dict):
        raise Malformed("no data")
    if picking.at(body, "hook", "event") not in ("recognition", None):
        return []
    return [found for row in picking.rows(data, "results") if (found := _one(row, data)) is not None]


def _one(row: Any, data: Any) -> PlateRead | None:
    told, score = picking.at(row, "plate"), picking.at(row, "score")
    where = picking.at(row, "region", "code")
    if isinstance(told, dict):
        # The newer form: {"props": {"plate": [{"value","score"}], "region": [{"value","score"}]}}.
        best = picking.at(told, "props", "plate", 0)
        told, score = picking.at(best, "value"), picking.at(best, "score")
        where = picking.at(row, "plate", "props", "region", 0, "value")
    plate = picking.plate(told)
    if plate is None:
        return None
    return PlateRead(
        plate=plate,
        jurisdiction=picking.region(where),
        confidence=picking.share(score),
        read_at=picking.moment(picking.at(data, "timestamp")),
        camera=picking.camera(picking.at(data, "camera_id")),
        vehicle=picking.vehicle(
            color=picking.at(row, "color", 0, "color"),
            make=picking.at(row, "model_make", 0, "make"),
            type=picking.at(row, "vehicle", "type"),
        ),
    )
