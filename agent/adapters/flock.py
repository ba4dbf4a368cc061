"""Flock Safety: the LPR hotlist alert webhook (API v3).

Source: Flock Safety developer hub, "Being notified about LPR alerts". That a plate stands on one of Flock's
lists means nothing here: the read is matched against the list of our own authority like any other. Dropped:
``imageUrl`` and ``detailsUrl``, list names, reasons and case numbers, network names, the device's position.
"""

from __future__ import annotations

from agent.adapters import picking
from agent.adapters.picking import Malformed
from agent.ports import PlateRead


def read(raw: bytes, content_type: str) -> list[PlateRead]:
    """Return the read of one POST; an alert without a readable plate has none. Raises ``Malformed``."""
    body = picking.parsed(raw)
    if not isinstance(picking.at(body, "objectId"), str):
        raise Malformed("no objectId")
    plate = picking.plate(picking.at(body, "ocr", "label"))
    if plate is None:
        return []
    return [
        PlateRead(
            plate=plate,
            jurisdiction=picking.state(picking.at(body, "ocr", "state")),
            confidence=picking.share(picking.at(body, "ocr", "labelConfidence")),
            read_at=picking.moment(picking.at(body, "eventTime")),
            camera=picking.camera(picking.at(body, "deviceName")),
        )
    ]
