"""Hikvision ISAPI: an ``EventNotificationAlert`` of type ``ANPR``, as XML or as a form with its pictures.

Source: Hikvision ISAPI, the ANPR alarm message as it appears in public integrations; the maker's own guide is
given to registered partners only. ``confidenceLevel`` is per cent. Dropped: the detection, vehicle and
feature pictures, the rectangles of driver and passenger (``PilotRect``, ``VicepilotRect``), the vehicle's
window, features of body and belt, list type, GPS and addresses. Only ``licensePlatePicture`` is a crop.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from agent.adapters import forms, picking
from agent.adapters.picking import Malformed
from agent.ports import PlateRead

DIRECTIONS = {"forward": "toward", "reverse": "away"}
XML_MAX = 256 * 1024


def read(raw: bytes, content_type: str) -> list[PlateRead]:
    """Return the read of one POST; another event has none. Raises ``Malformed``."""
    crop = None
    if content_type.startswith("multipart/"):
        parts = forms.parts(raw, content_type)
        xml = next((part.body for part in parts if part.body.lstrip()[:1] == b"<"), None)
        crop = next((part.body for part in parts if "licenseplatepicture" in part.name.lower()), None)
        if xml is None:
            raise Malformed("no XML part")
        raw = xml
    event = _event(raw)
    if event.get("eventType", "").upper() != "ANPR":
        return []
    plate = picking.plate(event.get("licensePlate")) or picking.plate(event.get("originalLicensePlate"))
    if plate is None:
        return []
    return [
        PlateRead(
            plate=plate,
            # Its region codes are the maker's own; a country alone is no ISO 3166-2 region.
            jurisdiction="unknown",
            confidence=picking.share(event.get("confidenceLevel"), 100.0),
            read_at=picking.moment(event.get("dateTime")),
            camera=picking.camera(event.get("channelID")),
            direction=DIRECTIONS.get(event.get("direction", "")),
            vehicle=picking.vehicle(color=event.get("color"), type=event.get("vehicleType")),
            crop=picking.jpeg(crop),
        )
    ]


WANTED = frozenset(
    {
        "eventType", "dateTime", "channelID", "licensePlate", "originalLicensePlate", "confidenceLevel",
        "direction", "color", "vehicleType",
    }
)  # fmt: skip


def _event(raw: bytes) -> dict[str, str]:
    """Return the wanted leaves by name, the first of each; no document type, so nothing can expand."""
    if len(raw) > XML_MAX or re.search(rb"<!(DOCTYPE|ENTITY)", raw, re.IGNORECASE) or b"\x00" in raw:
        raise Malformed("not a plain XML document")
    try:
        root = ElementTree.fromstring(raw)
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError):
        raise Malformed("not XML") from None
    if root.tag.rpartition("}")[2] != "EventNotificationAlert":
        raise Malformed("not an EventNotificationAlert")
    found: dict[str, str] = {}
    for element in root.iter():
        name = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
        if name in WANTED and not len(element):
            found.setdefault(name, (element.text or "").strip())
    return found
