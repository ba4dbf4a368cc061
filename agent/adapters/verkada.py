"""Verkada: the ``lpr`` webhook.

Source: Verkada API documentation, "LPR" webhook object. Confidence is 0 to 1, ``created`` Unix seconds and
``detected`` Unix milliseconds. Dropped: ``image_url``, the crop's coordinates, organisation and webhook ids.
Its own signature header is not checked here: the shared secret of the path is.
"""

from __future__ import annotations

from agent.adapters import picking
from agent.adapters.picking import Malformed
from agent.ports import PlateRead


def read(raw: bytes, content_type: str) -> list[PlateRead]:
    """Return the read of one POST; another webhook has none. Raises ``Malformed``."""
    body = picking.parsed(raw)
    kind = picking.at(body, "webhook_type")
    if not isinstance(kind, str):
        raise Malformed("no webhook_type")
    data = picking.at(body, "data")
    plate = picking.plate(picking.at(data, "license_plate_number"))
    if kind.lower() != "lpr" or plate is None:
        return []
    detected = picking.unix_s(picking.at(data, "detected"), 1000.0)
    return [
        PlateRead(
            plate=plate,
            jurisdiction=picking.region(picking.at(data, "license_plate_state")),
            confidence=picking.share(picking.at(data, "confidence")),
            read_at=detected or picking.unix_s(picking.at(data, "created")),
            camera=picking.camera(picking.at(data, "camera_id")),
        )
    ]
