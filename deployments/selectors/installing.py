"""How far a trailer is set up under an authorised deployment, and what it tells of itself now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from csoc.lib import clock
from deployments.models import Deployment, Installation, InstallationCheck
from trailers.fence import ENOUGH_SATELLITES, metres
from trailers.models import Trailer, TrailerStatus
from trailers.selectors import GEOFENCE_M

#: How long a finished checklist stands for before the sensors go on.
SET_UP_FOR = timedelta(hours=24)
#: What a trailer told longer ago says nothing of now.
FRESH = timedelta(minutes=2)
CLOCK_OFF_MS = 2000
Item = InstallationCheck.Item
_HOLD = "SELECT 1 FROM deployments_deployment WHERE id = %s FOR SHARE"


@dataclass(frozen=True)
class Reading:
    """What the trailer tells of one point: ``value`` in the point's unit (metres, milliseconds)."""

    passed: bool
    code: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Point:
    """One line of the checklist: what was recorded of it, and for some what is told at this moment."""

    item: str
    label: str
    check: InstallationCheck | None
    now: Reading | None

    @property
    def state(self) -> str:
        """``passed``, ``failed`` or ``open``; what is told now comes before what was recorded."""
        if self.now is not None:
            return "passed" if self.now.passed else "failed"
        if self.check is None:
            return "open"
        return "passed" if self.check.passed else "failed"


def newest_window(deployment: Deployment) -> Installation | None:
    """The last window since this authorisation: what was measured under another one does not count."""
    given = deployment.authorisation
    if given is None:
        return None
    windows = deployment.installations.filter(opened_at__gte=given.authorised_at)
    return windows.select_related("opened_by").order_by("-opened_at", "-pk").first()


def open_window(deployment: Deployment, now: datetime) -> Installation | None:
    """The window that is open now; an active deployment has none."""
    window = newest_window(deployment) if deployment.state == Deployment.State.AUTHORISED else None
    return window if window is not None and window.closed_at is None and now < window.until else None


def open_window_locked(trailer: Trailer, now: datetime) -> Installation | None:
    """The open window of a trailer, its deployment held shared until the caller commits.

    An activation or an end waits for the caller, or is seen. The deployment is what they lock first, so it
    is what is held here: holding the window itself would have the two wait for each other.
    """
    windows = Installation.objects.select_related("deployment__agency", "deployment__consent").filter(
        deployment__trailer=trailer, deployment__state=Deployment.State.AUTHORISED,
        closed_at__isnull=True, until__gt=now,
    )  # fmt: skip
    found = windows.order_by("-opened_at").first()
    if found is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [found.deployment_id])
    # While this waited, the window may have ended, or another one of the same deployment taken its place.
    found = windows.filter(deployment=found.deployment_id).first()
    consent = found.deployment.consent if found is not None else None
    return found if consent is not None and consent.holds_at(now) else None


def was_tested(alert_id: UUID) -> bool:
    """Whether this id passed as a test alert: it never becomes an alert."""
    return InstallationCheck.objects.filter(alert=alert_id, passed=True).exists()


def missing(deployment: Deployment, now: datetime) -> list[str]:
    """Return the points of the checklist that have not passed, as their codes, in the list's order.

    What was recorded in the newest window of the last 24 h counts; where it stands has to be told now.
    """
    window = newest_window(deployment)
    if window is not None and now - window.opened_at > SET_UP_FOR:
        window = None
    newest = {check.item: check.passed for check in window.checks.order_by("at", "pk")} if window else {}
    if not position(deployment, _status(deployment), now).passed:
        newest[Item.POSITION] = False
    return [item for item in needed(deployment) if not newest.get(item, False)]


def needed(deployment: Deployment) -> list[str]:
    """The points of this deployment's checklist: a mask or a ceiling that it does not have is none."""
    without = set()
    if not deployment.forbidden_sectors:
        without.add(Item.MASKS)
    if "speaker" not in deployment.modules:
        without.add(Item.SPEAKER)
    return [item for item in Item.values if item not in without]


def checklist(deployment: Deployment, now: datetime) -> list[Point]:
    """Every point: what was recorded of it in the newest window, and while that is open what is told now."""
    window = newest_window(deployment)
    checks = window.checks.select_related("by").order_by("at", "pk") if window else ()
    newest = {check.item: check for check in checks}
    told = readings(deployment, now) if open_window(deployment, now) else {}
    return [
        Point(item, str(Item(item).label), newest.get(item), told.get(item)) for item in needed(deployment)
    ]


def readings(deployment: Deployment, now: datetime) -> dict[str, Reading]:
    """What the trailer tells at this moment of the points that are read, by their codes."""
    status = _status(deployment)
    return {
        Item.POSITION: position(deployment, status, now),
        Item.RECORDING: _recording(status, now),
        Item.CLOCK: _clock(status, now),
    }


def position(deployment: Deployment, status: TrailerStatus, now: datetime) -> Reading:
    """Where it stands: a fix of the last 2 min within 25 m of the authorised point; metres."""
    if status.lat is None or status.lon is None or deployment.lat is None or deployment.lon is None:
        return Reading(False, "no-fix")
    away_m = round(metres(deployment.lat, deployment.lon, status.lat, status.lon), 1)
    if status.fix_at is None or now - status.fix_at > FRESH:
        return Reading(False, "old-fix", away_m)
    if status.satellites is not None and status.satellites < ENOUGH_SATELLITES:
        return Reading(False, "weak-fix", away_m)
    there = away_m <= GEOFENCE_M
    return Reading(there, "" if there else "off-point", away_m)


def _recording(status: TrailerStatus, now: datetime) -> Reading:
    """No deployment records; the trailer's own word that its camera is off confirms it."""
    if status.modules_at is None or now - status.modules_at > FRESH or "ptz" not in status.modules:
        return Reading(False, "not-told")
    return Reading(False, "camera-on") if status.modules["ptz"]["on"] else Reading(True)


def _clock(status: TrailerStatus, now: datetime) -> Reading:
    """Its clock against the console's: 2 s apart at most; milliseconds, ahead is positive."""
    skew_ms = status.clock_skew_ms
    if skew_ms is None or status.link_at is None or now - status.link_at > FRESH:
        return Reading(False, "not-told")
    return Reading(
        abs(skew_ms) <= CLOCK_OFF_MS, "" if abs(skew_ms) <= CLOCK_OFF_MS else "clock-skew", skew_ms
    )


def _status(deployment: Deployment) -> TrailerStatus:
    return TrailerStatus.objects.get(trailer_id=deployment.trailer_id)


def installation_wire(deployment: Deployment, now: datetime) -> dict[str, Any]:
    """The checklist on the wire."""
    window = newest_window(deployment)
    return {
        "deployment": deployment.name,
        "state": deployment.state,
        "open_until": clock.wire(window.until) if window and open_window(deployment, now) else None,
        "missing": missing(deployment, now),
        "points": [_point_wire(point) for point in checklist(deployment, now)],
    }


def _point_wire(point: Point) -> dict[str, Any]:
    check, told = point.check, point.now
    return {
        "item": point.item,
        "state": point.state,
        "recorded_at": clock.wire(check.at) if check else None,
        "value": told.value if told else check.value if check else None,
        "code": told.code if told else check.code if check else "",
    }
