"""Desired state: what a trailer is to do until told otherwise. Written only as part of a caller's act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from csoc.lib import clock, realtime
from csoc.lib.errors import Misuse

from .models import MODULES, DesiredState, Trailer, TrailerStatus
from .reports import push_trailer


@dataclass(frozen=True, slots=True)
class Standing:
    """Where and how long a trailer is deployed; degrees WGS 84 and true, `name` as people read it."""

    name: str
    until: datetime
    lat: float
    lon: float
    heading_deg: float


def set_desired(
    *,
    trailer: Trailer,
    deployment: Standing | None,
    modules: dict[str, bool] | None = None,
    forbidden_sectors: list[Any] | None = None,
    presets: list[Any] | None = None,
    actor: Any,
) -> DesiredState:
    """Replace the desired state, raise its version, and tell the trailer and the screens on commit.

    `deployment=None` switches every module off. A module not named is off. Part of the caller's act: the
    caller records it. Errors: Misuse for an unknown module or no actor.
    """
    if not actor or set(modules or {}) - set(MODULES):
        raise Misuse("set_desired needs an actor and known modules")
    with transaction.atomic(durable=False):
        desired = DesiredState.objects.select_for_update().get(trailer=trailer)
        desired.version += 1
        if desired.deployment != (deployment.name if deployment else ""):
            # What was counted against one place says nothing of another.
            TrailerStatus.objects.filter(trailer=trailer).update(off_point_fixes=0)
        desired.deployment = deployment.name if deployment else ""
        desired.until = deployment.until if deployment else None
        if deployment:
            desired.lat, desired.lon = deployment.lat, deployment.lon
            desired.heading_deg = deployment.heading_deg
        wanted = (modules or {}) if deployment else {}
        desired.modules = {name: bool(wanted.get(name, False)) for name in MODULES}
        desired.forbidden_sectors = forbidden_sectors or []
        desired.presets = presets or []
        desired.changed_at = clock.now()
        desired.save()
        realtime.push_on_commit("trailers", {"type": "desired-changed", "trailer": trailer.number})
        push_trailer(trailer.pk, clock.now())
    return desired


def announce_hotlist(*, agency_id: int, min_version: int, actor: Any) -> None:
    """Tell an agency's trailers that list versions below `min_version` are no longer good; it only rises.

    Part of the caller's act. Errors: Misuse without an actor.
    """
    if not actor:
        raise Misuse("announce_hotlist needs an actor")
    with transaction.atomic(durable=False):
        DesiredState.objects.filter(trailer__agency_id=agency_id, hotlist_min_version__lt=min_version).update(
            hotlist_min_version=min_version, version=F("version") + 1, changed_at=clock.now()
        )
        realtime.push_on_commit("trailers", {"type": "hotlist-changed"})
