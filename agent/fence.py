"""Where the trailer stands, and whether that is still the property it was authorised for (H4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geographiclib.geodesic import Geodesic

from agent.desired import Desired

#: One fix may be a reflection off a wall; three in a row are a trailer that was moved.
LEFT_AFTER = 3
#: A fix of fewer satellites says too little to switch anything off; an unknown number counts.
ENOUGH_SATELLITES = 6


@dataclass(frozen=True)
class Fix:
    """One position of the receiver, WGS 84 degrees; what it does not tell is None."""

    lat: float
    lon: float
    satellites: int | None = None
    accuracy_m: float | None = None

    def wire(self) -> dict[str, Any]:
        """Return the contract's ``position``: only what is known."""
        told = {"satellites": self.satellites, "accuracy_m": self.accuracy_m}
        known = {name: value for name, value in told.items() if value is not None}
        return {"lat": self.lat, "lon": self.lon, **known}

    @property
    def good(self) -> bool:
        """Tell whether this fix is enough to judge by."""
        return self.satellites is None or self.satellites >= ENOUGH_SATELLITES


def metres(point: tuple[float, float], fix: Fix) -> float:
    """Return how far a fix lies from a point, geodesic, in metres."""
    return float(Geodesic.WGS84.Inverse(*point, fix.lat, fix.lon)["s12"])


class Fence:
    """Counts the fixes in a row that lie too far from the authorised point. It decides, it never waits."""

    def __init__(self) -> None:
        self.outside = 0

    @property
    def left(self) -> bool:
        """Tell whether the trailer has left its point: then nothing of it may sense."""
        return self.outside >= LEFT_AFTER

    def take(self, fix: Fix, desired: Desired) -> None:
        """Judge one fix; without a deployment, or back inside, the count begins anew."""
        if desired.point is None:
            self.outside = 0
        elif fix.good:
            away = metres(desired.point, fix) > desired.geofence_m
            self.outside = self.outside + 1 if away else 0
