"""Judging a trailer: what a technician must know, from its figures, its link and the time.

`findings` only reads, so a page asks it anew each time it is opened; `judge_trailer` keeps what it finds as
warnings with a beginning and an end, when a trailer reports and on the beat (it may have fallen silent).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from csoc.lib.limits import Limits

from . import fence
from .models import FIGURES, Condition, Telemetry, Trailer, TrailerStatus, TrailerWarning
from .selectors import in_force

AMBER, RED = "amber", "red"
#: Every kind of warning, in the order in which a technician reads them.
KINDS = (
    "moved", "heartbeat", "battery", "fuel", "generator", "solar", "hot", "cold", "door", "tilt", "clock",
    "list",
)  # fmt: skip
#: These stay open after their cause is gone, until somebody has taken note.
STICKY = frozenset({"moved"})
#: Between two points that are further apart nothing is known.
GAP = timedelta(minutes=15)


class Finding(NamedTuple):
    """One thing that is not as it should be; `value` in the kind's own unit."""

    level: str
    value: float | None = None


def findings(trailer: Trailer, at: datetime, limits: Limits | None = None) -> dict[str, Finding]:
    """Return what is wrong with `trailer` (with status, desired and condition) at `at`, by kind."""
    limits = limits or settings.FLEET_LIMITS
    said = condition_of(trailer)
    found: dict[str, Finding | None] = {
        "moved": _moved(trailer),
        "heartbeat": _heartbeat(trailer, at, limits),
        "clock": _above(_skew(trailer.status), limits.clock_amber_ms, limits.clock_red_ms),
    }
    if said is not None:
        found |= _of_figures(said.said, limits) | _over_time(trailer, said, at, limits)
    return {kind: found[kind] for kind in KINDS if (found.get(kind)) is not None}  # type: ignore[misc]


def condition_of(trailer: Trailer) -> Condition | None:
    """Return the newest point of a trailer, None before the first."""
    return getattr(trailer, "condition", None)


def _of_figures(said: dict[str, Any], limits: Limits) -> dict[str, Finding | None]:
    cabinet, tilt = said.get("cabinet_c"), said.get("tilt_deg")
    return {
        "battery": _below(said.get("battery_soc_pct"), limits.soc_amber_pct, limits.soc_red_pct),
        "fuel": _below(said.get("fuel_pct"), limits.fuel_amber_pct, limits.fuel_red_pct),
        "hot": Finding(RED, cabinet) if cabinet is not None and cabinet > limits.cabinet_hot_c else None,
        "cold": Finding(RED, cabinet) if cabinet is not None and cabinet < limits.cabinet_cold_c else None,
        "door": Finding(AMBER) if said.get("door_open") else None,
        "tilt": Finding(AMBER, tilt) if tilt is not None and tilt > limits.tilt_deg else None,
    }


def _over_time(trailer: Trailer, said: Condition, at: datetime, limits: Limits) -> dict[str, Finding | None]:
    """What has to last before it is a warning. By the trailer's own clock where both ends are its words."""
    start = (at - said.starting_since).total_seconds() if said.starting_since else 0.0
    dark = (said.ts - said.dark_since).total_seconds() if said.dark_since else 0.0
    deployed = in_force(trailer.desired, at)
    age_h = list_age_h(trailer, said, at) if deployed else None
    return {
        "generator": Finding(AMBER, start) if start > limits.generator_start_s else None,
        "solar": Finding(AMBER, dark) if deployed and dark >= limits.solar_dark_s else None,
        "list": _above(age_h, limits.list_amber_h, limits.list_red_h),
    }


def list_age_h(trailer: Trailer, said: Condition, at: datetime) -> float | None:
    """How old the list is that the trailer compares with, in hours; None where it reads no plates."""
    issued = said.said.get("health", {}).get("hotlist_issued_at")
    if not issued or not trailer.desired.modules.get("alpr"):
        return None
    return (at - datetime.fromisoformat(issued.replace("Z", "+00:00"))).total_seconds() / 3600


def _moved(trailer: Trailer) -> Finding | None:
    status = trailer.status
    return Finding(RED, away_m(trailer)) if status.off_point_fixes >= fence.MOVED_AFTER else None


def away_m(trailer: Trailer) -> float | None:
    """Return how far the last fix lies from the point authorised last, in metres; None while unknown."""
    status, desired = trailer.status, trailer.desired
    if status.lat is None or status.lon is None or desired.lat is None or desired.lon is None:
        return None
    return fence.metres(desired.lat, desired.lon, status.lat, status.lon)


def _heartbeat(trailer: Trailer, at: datetime, limits: Limits) -> Finding | None:
    """Only a deployed trailer owes a sign of life; one that never gave any, since it was sent out."""
    if not in_force(trailer.desired, at):
        return None
    since = trailer.status.link_at or trailer.desired.changed_at
    return _above((at - since).total_seconds(), limits.link_amber_s, limits.link_red_s)


def _skew(status: TrailerStatus) -> float | None:
    return None if status.clock_skew_ms is None else abs(status.clock_skew_ms)


def _below(value: float | None, amber: float, red: float) -> Finding | None:
    if value is None or value >= amber:
        return None
    return Finding(RED if value < red else AMBER, value)


def _above(value: float | None, amber: float, red: float) -> Finding | None:
    if value is None or value <= amber:
        return None
    return Finding(RED if value > red else AMBER, value)


# -- following the points ------------------------------------------------------------------------------


def advance(
    trailer: Trailer, before: Condition | None, newer: list[Telemetry], lon: float | None
) -> Condition:
    """Return the condition after `newer` (in order of time): the last figures, and what lasts since when.

    lon: where the trailer stands, degrees east, for points without a fix; None while nobody knows.
    """
    now = before or Condition(trailer=trailer)
    previous = before.ts if before else None
    for row in newer:
        if previous is not None and row.ts - previous > GAP:
            now.dark_since = None
        now.starting_since = (now.starting_since or row.ts) if row.gen_state == "starting" else None
        dark = row.solar_w == 0 and around_noon(row.ts, (row.lon if row.lon is not None else lon) or 0.0)
        now.dark_since = (now.dark_since or row.ts) if dark else None
        previous = row.ts
    last = newer[-1]
    now.ts, now.received_at = last.ts, last.received_at
    now.said = {name: value for name, value in figures_of(last).items() if value is not None}
    return now


def figures_of(row: Telemetry) -> dict[str, Any]:
    """Return a point's figures by name."""
    return {name: getattr(row, name) for name in FIGURES} | {"health": row.health}


#: Hours either side of noon in which a panel in the open always gives something.
NOON_H = 3.0


def around_noon(moment: datetime, lon: float) -> bool:
    """True within 3 h of the sun's highest point at this longitude (degrees east).

    Mean solar time: UTC plus 4 minutes a degree. The equation of time (16 min at most) is left out; it
    does not matter beside two hours.
    """
    hours = moment.hour + moment.minute / 60 + lon / 15
    return abs(math.remainder(hours - 12, 24)) <= NOON_H


# -- keeping what was found ----------------------------------------------------------------------------


def judge_trailer(trailer_id: int, at: datetime) -> int:
    """Begin and end the warnings of one trailer as it is at `at`; returns how many changed.

    The status row is locked first, so that a beat and a report cannot both begin the same one.
    """
    with transaction.atomic(durable=False):
        TrailerStatus.objects.select_for_update().get(trailer_id=trailer_id)
        trailer = Trailer.objects.select_related("status", "desired", "condition").get(pk=trailer_id)
        found = findings(trailer, at)
        changed = 0
        for warning in TrailerWarning.objects.filter(trailer=trailer, ended_at=None):
            now = found.pop(warning.kind, None)
            if now is not None and now.level == warning.level:
                continue
            if now is None and _stays(warning, trailer, at):
                continue
            if now is not None:
                found[warning.kind] = now
            warning.end(at)
            changed += 1
        changed += _begin(trailer, found.items(), at)
    return changed


def _stays(warning: TrailerWarning, trailer: Trailer, at: datetime) -> bool:
    """A trailer that was moved stays moved until somebody took note, or it is deployed anew."""
    if warning.kind not in STICKY or in_force(trailer.desired, at):
        return False
    return warning.acknowledged_at is None


def _begin(trailer: Trailer, found: Iterable[tuple[str, Finding]], at: datetime) -> int:
    rows = [
        TrailerWarning(trailer=trailer, kind=kind, level=one.level, value=one.value, started_at=at)
        for kind, one in found
    ]
    TrailerWarning.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def raise_moved(*, trailer: Trailer, at: datetime) -> None:
    """The domain event `trailer.moved`: the deployment that it left ends in the same transaction."""
    if not TrailerWarning.objects.filter(trailer=trailer, kind="moved", ended_at=None).exists():
        _begin(trailer, [("moved", Finding(RED, away_m(trailer)))], at)


def judge_fleet(at: datetime) -> int:
    """Judge every trailer, the silent ones too; returns how many warnings began or ended.

    Only those that would change are locked: a fleet in order costs three queries.
    """
    trailers = Trailer.objects.select_related("status", "desired", "condition")
    open_now: dict[int, dict[str, TrailerWarning]] = {}
    for warning in TrailerWarning.objects.filter(ended_at=None):
        open_now.setdefault(warning.trailer_id, {})[warning.kind] = warning
    changed = 0
    for trailer in trailers:
        found = {kind: one.level for kind, one in findings(trailer, at).items()}
        standing = {
            kind: one.level
            for kind, one in open_now.get(trailer.pk, {}).items()
            if kind in found or not _stays(one, trailer, at)
        }
        if found != standing:
            changed += judge_trailer(trailer.pk, at)
    return changed
