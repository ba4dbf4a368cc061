"""Reading the register. Who may see which trailer is decided here and nowhere else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

import audit
from accounts.selectors import roles_of
from csoc.lib import clock
from csoc.lib.errors import Refused, nothing_here

from .models import (
    MODULES,
    Command,
    DesiredState,
    ModuleChange,
    Trailer,
    TrailerKey,
    TrailerStatus,
    TrailerWarning,
)

# Three missed heartbeats.
LOST_AFTER = timedelta(seconds=90)
GEOFENCE_M = 25
REPORTS_MISSING = "reports missing"


def trailers_visible_to(user: Any) -> QuerySet[Trailer]:
    """The trailers of the user's own agency, with status and desired state; for nobody, none."""
    found = Trailer.objects.select_related("status", "desired", "agency", "unit")
    if not roles_of(user):
        return found.none()
    return found.filter(agency_id=user.person.agency_id)


def fleet_trailer(user: Any, name: str) -> Trailer:
    """Return one of the trailers that `user` may see, with its condition. Errors: Refused 404 `not-found`."""
    digits = name.removeprefix("TRL-")
    if not (name.startswith("TRL-") and digits.isascii() and digits.isdecimal() and len(digits) == 4):
        raise nothing_here()
    found = trailers_visible_to(user).select_related("condition").filter(number=int(digits)).first()
    if found is None:
        raise nothing_here()
    return found


def warnings_waiting(user: Any) -> int:
    """Return how many technical warnings of the user's agency nobody has taken on."""
    waiting = TrailerWarning.objects.filter(ended_at=None, acknowledged_at=None)
    return waiting.filter(trailer__agency_id=user.person.agency_id).count()


def trailers_warned(user: Any) -> int:
    """Return on how many trailers of the user's agency a technical warning stands, taken on or not."""
    standing = TrailerWarning.objects.filter(ended_at=None, trailer__agency_id=user.person.agency_id)
    return standing.values("trailer").distinct().count()


def get_trailer(name: str) -> Trailer:
    """Return the trailer called `name` (`TRL-0007`). Errors: Refused 404 `not-found`."""
    digits = name.removeprefix("TRL-")
    trailer = None
    if name.startswith("TRL-") and digits.isdecimal() and len(digits) <= 4:
        trailer = (
            Trailer.objects.select_related("status", "desired", "agency", "unit")
            .filter(number=int(digits))
            .first()
        )
    if trailer is None or trailer.name != name:
        raise Refused("not-found", _("There is no such trailer here."), 404)
    return trailer


def trailer_ref(trailer: Trailer) -> audit.Ref:
    """How the audit log names a trailer as the object of an act."""
    return audit.Ref("trailer", trailer.name, trailer.agency.code)


def key_ref(key: TrailerKey) -> audit.Ref:
    """How the audit log names a key."""
    return audit.Ref("key", key.keyid, key.trailer.agency.code)


def trailer_wire(trailer: Trailer, at: datetime | None = None) -> dict[str, Any]:
    """The trailer as every screen gets it (console-api.md, "Trailer on the wire"), at `at` (now)."""
    at = at or clock.now()
    status, desired = trailer.status, trailer.desired
    deployed = in_force(desired, at)
    fixed = status.lat is not None
    return {
        "id": trailer.name,
        "version": status.version + desired.version,
        "label": trailer.label,
        "state": state_of(status, desired, at),
        "lat": status.lat if fixed else desired.lat,
        "lon": status.lon if fixed else desired.lon,
        "fix_at": clock.wire(status.fix_at),
        "heading_deg": desired.heading_deg if deployed else trailer.heading_deg,
        "deployment": desired.deployment if deployed else None,
        "link_at": clock.wire(status.link_at),
        "battery_soc_pct": status.battery_soc_pct,
        "faults": faults_of(status),
    }


def modules_confirmed(trailer: Trailer, since: datetime, version: int | None) -> dict[str, datetime | None]:
    """When the trailer itself confirmed that each module is off, after `since`; None while it has not.

    A module is confirmed by its own word "off"; one of which the trailer says nothing, by a desired state
    of at least `version` (the one that switched it off) that the trailer reports to have.
    """
    status = TrailerStatus.objects.get(trailer=trailer)
    said: dict[str, list[ModuleChange]] = {module: [] for module in MODULES}
    changes = ModuleChange.objects.filter(trailer=trailer)
    # Before the moment only the last word of each module counts: a trailer's whole life is never read.
    last = changes.filter(at__lt=since).order_by("module", "-at", "-pk").distinct("module")
    for change in (*last, *changes.filter(at__gte=since).order_by("at", "pk")):
        said[change.module].append(change)
    return {module: _off_since(said[module], status, since, version) for module in MODULES}


def _off_since(
    said: list[ModuleChange], status: TrailerStatus, since: datetime, version: int | None
) -> datetime | None:
    if not said:
        known, at = status.desired_version, status.desired_version_at
        return (
            at if at is not None and version is not None and known is not None and known >= version else None
        )
    before = [change for change in said if change.at < since]
    still_off = bool(before) and not before[-1].on
    if still_off and status.modules_at is not None and status.modules_at >= since:
        # It was off before already, and has said so again since.
        return since
    return next((change.at for change in said if change.at >= since and not change.on), None)


def state_of(status: TrailerStatus, desired: DesiredState, at: datetime) -> str:
    """`off` outside a deployment; in one `lost` after 90 s without a word, `fault`, or `active`."""
    if not in_force(desired, at):
        return "off"
    if status.link_at is None or at - status.link_at > LOST_AFTER:
        return "lost"
    return "fault" if faults_of(status) else "active"


def faults_of(status: TrailerStatus) -> list[str]:
    """What the trailer says is wrong with it, and what the console noticed itself."""
    return [*status.faults, *([REPORTS_MISSING] if status.missing_reports else [])]


def in_force(desired: DesiredState, at: datetime) -> bool:
    """True while the desired state names a deployment whose end has not come."""
    return bool(desired.deployment) and desired.until is not None and at < desired.until


def desired_wire(desired: DesiredState, at: datetime) -> dict[str, Any]:
    """The answer of `GET /api/v1/desired/`; without a deployment in force every module is off."""
    deployed = in_force(desired, at)
    deployment = {
        "id": desired.deployment,
        "until": clock.wire(desired.until),
        "point": {"lat": desired.lat, "lon": desired.lon},
        "heading_deg": desired.heading_deg,
        "geofence_m": GEOFENCE_M,
    }
    return {
        "version": desired.version,
        "deployment": deployment if deployed else None,
        "modules": {name: on and deployed for name, on in desired.modules.items()},
        "forbidden_sectors": desired.forbidden_sectors,
        "presets": desired.presets,
        "hotlist_min_version": desired.hotlist_min_version,
    }


def desired_etag(desired: DesiredState, at: datetime) -> str:
    """The validator of that answer: it changes with the version, and when the end of a deployment passes."""
    return f'"{desired.version}"' if in_force(desired, at) else f'"{desired.version}-off"'


def command_wire(command: Command, args: dict[str, Any]) -> dict[str, Any]:
    """A command before it is signed; `args` are given apart, the row has already lost its token."""
    return {
        "t": "cmd",
        "id": str(command.id),
        "seq": command.seq,
        "trailer": command.trailer.name,
        "name": command.name,
        "alert": str(command.alert) if command.alert else None,
        "operator": command.operator,
        "issued_at": clock.wire(command.issued_at),
        "expires_at": clock.wire(command.expires_at),
        "args": args,
    }
