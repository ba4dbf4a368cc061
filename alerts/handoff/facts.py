"""What is handed off: one list of facts, from which both documents and the preview are made.

Data minimisation (docs/adr/0016): never the clip, the crop, the plate's owner or the list's reference to a
person, nor the address of the protected property. The plate only after a person compared and confirmed it.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

import vault
from accounts.models import Person
from alerts import sealed
from alerts.models import Alert
from csoc.lib.errors import Refused

MAX_NOTE = 1000
#: Metres around a shot whose place is not known: the detector's reach (product.md).
HEARING_M = 500
#: Metres around the trailer for a plate: what its camera reads.
SEEING_M = 50

#: Line breaks and tabs aside, nothing that moves a cursor, turns text round, hides in it or is no character.
_HOSTILE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True)
class Message:
    """Which message of an alert this is. ``earlier``: (id, sent) of those it corrects, oldest first."""

    id: str
    at: datetime
    earlier: tuple[tuple[str, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A plate that a person confirmed. ``listed``: as the list has it, when it was read otherwise."""

    plate: str
    jurisdiction: str
    listed: str
    words: str
    direction: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is said. Times aware; ``radius_m`` metres around ``lat, lon`` (WGS 84 degrees)."""

    message: Message
    target: str
    drill: bool
    host: str
    agency_code: str
    agency: str
    badge: str
    person: str
    alert: str
    kind: str
    priority: int
    late: bool
    occurred_at: datetime
    trailer: str
    deployment: str
    lat: float
    lon: float
    radius_m: int
    #: The place is the trailer's, not the shot's.
    at_trailer: bool
    confidence: float
    rounds: int | None
    category: str
    lookalike: bool
    vehicle: Vehicle | None
    cad: str
    note: str


def clean(text: str, most: int = MAX_NOTE) -> str:
    """Return ``text`` without control, direction and invisible characters, at most ``most`` long."""
    kept = _HOSTILE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return re.sub(r"[ \t]{2,}", " ", kept).strip()[:most].strip()


def facts_of(
    alert: Alert, message: Message, *, target: str, person: Person, note: str = "", cad: str = ""
) -> Facts:
    """Read the alert as it is now. Errors: Refused ``detail-expired`` (410) once its detail is erased."""
    try:
        detail = sealed.open_detail(alert)
    except vault.Gone:
        raise Refused(
            "detail-expired", _("The details were erased 48 hours after capture. Hand over by radio."), 410
        ) from None
    block: dict[str, Any] = detail.get(alert.kind) or {}
    listed: dict[str, str] = detail.get("listed") or {}
    known = alert.uncertainty_m is not None
    reach = HEARING_M if alert.kind == Alert.Kind.GUNSHOT else SEEING_M
    return Facts(
        message=message, target=target, drill="drill" in alert.flags,
        host=urlsplit(settings.PUBLIC_URL).hostname or "localhost",
        agency_code=clean(alert.agency.code, 40), agency=clean(alert.agency.name, 120),
        badge=clean(person.badge, 40), person=person.wire_id,
        alert=str(alert.pk), kind=alert.kind, priority=alert.priority, late=alert.late,
        occurred_at=alert.occurred_at, trailer=alert.trailer.name, deployment=alert.deployment.name,
        lat=alert.lat, lon=alert.lon,
        radius_m=max(1, round(alert.uncertainty_m)) if alert.uncertainty_m is not None else reach,
        at_trailer=not known, confidence=float(block.get("confidence", 0)), rounds=block.get("rounds"),
        category=listed.get("category", ""), lookalike="lookalike" in alert.flags,
        vehicle=_vehicle(alert, block, listed),
        cad=clean(cad, 40), note=clean(note),
    )  # fmt: skip


def _vehicle(alert: Alert, block: dict[str, Any], listed: dict[str, str]) -> Vehicle | None:
    """The plate, if a person said that it is the one on the list (H9)."""
    if alert.plate_decision != Alert.PlateDecision.CONFIRM or "plate" not in block:
        return None
    seen = block.get("vehicle") or {}
    other = listed.get("plate", "")
    return Vehicle(
        plate=clean(str(block["plate"]), 12),
        jurisdiction=clean(str(block.get("jurisdiction", "")), 12),
        listed=other if other != block["plate"] else "",
        words=clean(" ".join(str(seen[name]) for name in ("color", "make", "type") if seen.get(name)), 80),
        direction=clean(str(block.get("direction") or ""), 20),
    )
