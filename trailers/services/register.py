"""Putting a trailer on the register."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

import audit
from accounts.models import Unit, User
from csoc.lib import clock
from csoc.lib.errors import Refused

from .. import policies, selectors
from ..models import CAPABILITIES, DesiredState, Trailer, TrailerStatus

# Any constant will do: it names the lock under which numbers are given out.
_NUMBERS = 0x7472_6C00


def create_trailer(
    *,
    label: str,
    unit: Unit,
    actor: User,
    number: int | None = None,
    serial: str = "",
    heading_deg: float = 0.0,
    mast_m: float = 7.0,
    capabilities: Iterable[str] = CAPABILITIES,
    audio_rate_hz: int = 16_000,
) -> Trailer:
    """Register a trailer of `unit`'s agency, with every sensor off; its number is the next free one.

    `heading_deg` degrees true, `mast_m` metres, `audio_rate_hz` 16000 or 48000.
    Errors: Refused `not-permitted`; `not-found` for another agency's unit; `number-taken` 409.
    """
    with transaction.atomic(durable=False):
        policies.may_register(actor)
        if unit.agency_id != actor.person.agency_id:
            raise Refused("not-found", _("There is no such unit here."), 404)
        now = clock.now()
        trailer = Trailer.objects.create(
            number=_number(number),
            label=label,
            agency_id=unit.agency_id,
            unit=unit,
            serial=serial,
            heading_deg=heading_deg,
            mast_m=mast_m,
            capabilities=list(capabilities),
            audio_rate_hz=audio_rate_hz,
            created_at=now,
        )
        TrailerStatus.objects.create(trailer=trailer)
        DesiredState.objects.create(trailer=trailer, changed_at=now)
        audit.record("trailer.create", selectors.trailer_ref(trailer))
    return trailer


def _number(asked: int | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_NUMBERS])
    if asked is None:
        return (Trailer.objects.aggregate(top=Max("number"))["top"] or 0) + 1
    if Trailer.objects.filter(number=asked).exists():
        raise Refused("number-taken", _("TRL-%(number)04d is another trailer.") % {"number": asked}, 409)
    return asked
