"""Whether a trailer still stands where its deployment was authorised (H4). Reads, never writes."""

from __future__ import annotations

from datetime import datetime

from geographiclib.geodesic import Geodesic

from .models import DesiredState, TrailerStatus
from .schemas import Position, Report
from .selectors import GEOFENCE_M, in_force

#: One fix may be a reflection off a wall; three in a row are a trailer that was moved.
MOVED_AFTER = 3
#: A fix of fewer satellites is too weak to end a deployment by; an unknown number counts.
ENOUGH_SATELLITES = 6


def metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Return the geodesic distance of two points (WGS 84 degrees) in metres."""
    return float(Geodesic.WGS84.Inverse(lat, lon, other_lat, other_lon)["s12"])


def off_point(status: TrailerStatus, desired: DesiredState, report: Report, at: datetime) -> int:
    """Return how many fixes in a row lie off the point, with what `report` brings; 0 while not deployed.

    A weak fix, and one that was told before, neither counts nor clears.
    """
    if not in_force(desired, at) or desired.lat is None or desired.lon is None:
        return 0
    fix = report.position
    if fix is None or _weak(fix) or (report.fix_at and report.fix_at == status.fix_said):
        return status.off_point_fixes
    away_m = metres(desired.lat, desired.lon, fix.lat, fix.lon)
    return min(status.off_point_fixes + 1, 1000) if away_m > GEOFENCE_M else 0


def moved(status: TrailerStatus, desired: DesiredState, report: Report, at: datetime) -> bool:
    """True when this report is at least the third fix in a row off the point."""
    return off_point(status, desired, report, at) >= MOVED_AFTER


def _weak(fix: Position) -> bool:
    return fix.satellites is not None and fix.satellites < ENOUGH_SATELLITES
