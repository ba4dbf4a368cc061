"""Putting a trailer on the register."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

import audit
from accounts.models import Unit, User
from csoc.lib import clock
from csoc.lib.errors import Misuse, Refused

from .. import policies, selectors
from ..models import CAPABILITIES, DesiredState, Trailer, TrailerStatus
from ..reports import push_trailer

#: What a person may change of a trailer that is on the register.
CHANGEABLE = ("label", "unit", "heading_deg", "mast_m", "capabilities", "audio_rate_hz")
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


def change_trailer(*, trailer: Trailer, actor: User, **values: Any) -> Trailer:
    """Change what the register says: one of CHANGEABLE, units as in `create_trailer`.

    What stays as it was is not asked for. Nothing changed leaves no entry.
    Errors: Refused `not-permitted`, `not-found`, `deployed` 409, `said-by-trailer` 409; Misuse for another
    value.
    """
    if set(values) - set(CHANGEABLE):
        raise Misuse("change_trailer knows no such value")
    with transaction.atomic(durable=False):
        # The desired state first: what deploys a trailer waits until this is written, or this for that.
        DesiredState.objects.select_for_update().get(trailer=trailer)
        trailer = Trailer.objects.select_for_update(of=("self",)).select_related("agency").get(pk=trailer.pk)
        changed = {name for name, value in values.items() if getattr(trailer, name) != value}
        policies.may_change(actor, trailer, changed, clock.now())
        if "unit" in changed and values["unit"].agency_id != trailer.agency_id:
            raise Refused("not-found", _("There is no such unit here."), 404)
        if changed:
            for name in changed:
                setattr(trailer, name, values[name])
            trailer.save(update_fields=sorted(changed))
            audit.record("trailer.update", selectors.trailer_ref(trailer))
            push_trailer(trailer.pk, clock.now())
    return trailer


def _number(asked: int | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_NUMBERS])
    if asked is None:
        return (Trailer.objects.aggregate(top=Max("number"))["top"] or 0) + 1
    if Trailer.objects.filter(number=asked).exists():
        raise Refused("number-taken", _("TRL-%(number)04d is another trailer.") % {"number": asked}, 409)
    return asked
