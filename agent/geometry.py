"""Directions on the ground: where to look from here, and whether one may look there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from geographiclib.geodesic import Geodesic

from agent.ports import Pose

#: A person's chest is what is looked at, not the ground below it.
AIM_HEIGHT_M = 1.5
LEAST_RADIUS_M = 15.0

Sectors = Iterable[tuple[float, float]]


@dataclass(frozen=True)
class Cue:
    """A direction to look in: azimuth true, distance over ground, and the camera's own angles."""

    az_deg: float
    distance_m: float
    pan_deg: float
    tilt_deg: float
    hfov_deg: float


def wrap180(angle_deg: float) -> float:
    """Return the same direction between -180 (excluded) and 180 (included)."""
    return -((180.0 - angle_deg) % 360.0 - 180.0)


def pan_of(az_deg: float, heading_deg: float) -> float:
    """Return the pan that looks to an azimuth when pan 0 looks along the heading."""
    return wrap180(az_deg - heading_deg)


def azimuth_of(pan_deg: float, heading_deg: float) -> float:
    """Return the azimuth true, 0 to 360, that a pan looks to."""
    return (heading_deg + pan_deg) % 360.0


def cue(
    camera: tuple[float, float],
    target: tuple[float, float],
    *,
    heading_deg: float,
    mast_m: float,
    radius_m: float = 0.0,
) -> Cue:
    """Return how to look from ``camera`` to ``target`` (WGS 84 degrees), ``mast_m`` above ground.

    The contract's "slew to cue"; ``radius_m`` is how uncertain the target is. Geodesic by Karney (2013).
    """
    line = Geodesic.WGS84.Inverse(*camera, *target)
    distance = max(float(line["s12"]), 0.1)
    azimuth = float(line["azi1"]) % 360.0
    return Cue(
        az_deg=azimuth,
        distance_m=distance,
        pan_deg=pan_of(azimuth, heading_deg),
        tilt_deg=-math.degrees(math.atan2(mast_m - AIM_HEIGHT_M, distance)),
        hfov_deg=math.degrees(2 * math.atan(max(radius_m, LEAST_RADIUS_M) / distance)),
    )


def sees(az_deg: float, half_deg: float, sectors: Sectors) -> bool:
    """Tell whether a view ``half_deg`` to both sides of an azimuth touches a sector (clockwise pairs).

    A sector whose ends are equal is the whole circle: what was meant can't be known, so nothing is seen.
    """
    for first, last in sectors:
        width = (last - first) % 360.0 or 360.0
        if (az_deg + half_deg - first) % 360.0 <= width + 2 * half_deg:
            return True
    return False


def way_out(az_deg: float, half_deg: float, sectors: Sectors) -> int:
    """Return 1 (clockwise) or -1 for the shorter turn that leaves every sector, 0 when none does."""
    masks = list(sectors)
    for turn in range(1, 181):
        for way in (1, -1):
            if not sees(az_deg + way * turn, half_deg, masks):
                return way
    return 0


def pose_to(az_deg: float, tilt_deg: float, hfov_deg: float | None, heading_deg: float) -> Pose:
    """Return the camera's pose for an azimuth true."""
    return Pose(pan_of(az_deg, heading_deg), tilt_deg, hfov_deg)
