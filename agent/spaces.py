"""ONVIF's position spaces and the trailer's angles: which number of a camera is which direction.

Two spaces of pan and tilt are known: the one in degrees (``SphericalPositionSpaceDegrees``, pan positive to
the right) and the one without a unit (``PositionGenericSpace``, -1 to 1), which says nothing until somebody
wrote down what its ends stand for. A position in any other space is no position. Zoom has no space in
degrees, so how wide the picture is comes from what was written down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from agent.geometry import wrap180
from agent.ports import Cannot, Pose

SPHERICAL = "SphericalPositionSpaceDegrees"
GENERIC = "PositionGenericSpace"
#: How far outside a camera's own limits still counts as its limit.
SLACK_DEG = 0.5

Ends = tuple[float, float]


@dataclass(frozen=True)
class Space:
    """One space of absolute pan and tilt that a camera has, with the limits of its numbers."""

    uri: str
    x: Ends
    y: Ends


@dataclass(frozen=True)
class Reach:
    """What a builder wrote down about a camera; what is empty is unknown.

    ``pan_deg`` and ``tilt_deg`` are what -1 and 1 of the generic space stand for, pan clockwise, tilt up.
    ``hfov_deg`` are horizontal fields of view at zoom 0, at zoom 1, and at equal steps between, falling.
    """

    pan_deg: Ends | None = None
    tilt_deg: Ends | None = None
    hfov_deg: tuple[float, ...] = ()

    def pose(self, x: float | None, y: float | None, uri: str, zoom: float | None) -> Pose | None:
        """Return where a position of this space looks; None when it can't be told."""
        if x is None or y is None or not (math.isfinite(x) and math.isfinite(y)):
            return None
        if named(uri, SPHERICAL):
            pan, tilt = x, y
        elif named(uri, GENERIC) and self.pan_deg is not None and self.tilt_deg is not None:
            pan, tilt = _between(x, self.pan_deg), _between(y, self.tilt_deg)
        else:
            return None
        return Pose(wrap180(pan), max(-90.0, min(90.0, tilt)), self.hfov(zoom))

    def position(self, pose: Pose, spaces: Iterable[Space]) -> tuple[float, float, str]:
        """Return pan, tilt and space to ask for; raises ``Cannot`` ``unsupported`` or ``unreachable``.

        A tilt beyond the camera's limits is its limit. A pan is not: where it would end, nobody has judged.
        """
        by_name = {name: space for space in spaces for name in (SPHERICAL, GENERIC) if named(space.uri, name)}
        if (space := by_name.get(SPHERICAL)) is not None:
            return _turn(pose.pan_deg, space.x), _within(pose.tilt_deg, space.y), space.uri
        space = by_name.get(GENERIC)
        if space is None or self.pan_deg is None or self.tilt_deg is None:
            raise Cannot("unsupported")
        pan, tilt = _turn(pose.pan_deg, self.pan_deg), _within(pose.tilt_deg, self.tilt_deg)
        return _share(pan, self.pan_deg), _share(tilt, self.tilt_deg), space.uri

    def hfov(self, zoom: float | None) -> float | None:
        """Return how wide the picture is at a zoom from 0 to 1; None when nobody wrote it down.

        A straight line between what is known: a lens narrows faster than that at first, so the true picture
        is the narrower one, and no sector is in sight that this does not count.
        """
        if zoom is None or not math.isfinite(zoom) or not self.hfov_deg:
            return None
        place = _within(zoom, (0.0, 1.0)) * (len(self.hfov_deg) - 1)
        low = min(int(place), len(self.hfov_deg) - 2)
        wide, narrow = self.hfov_deg[low : low + 2]
        return wide + (place - low) * (narrow - wide)

    def zoom(self, hfov_deg: float | None) -> float | None:
        """Return the zoom that shows this much, the camera's limit beyond it; None when it can't be told."""
        if hfov_deg is None or not self.hfov_deg:
            return None
        steps = len(self.hfov_deg) - 1
        for low, (wide, narrow) in enumerate(pairwise(self.hfov_deg)):
            if hfov_deg >= narrow:
                return (low + _within((wide - hfov_deg) / (wide - narrow), (0.0, 1.0))) / steps
        return 1.0


def named(uri: str, name: str) -> bool:
    """Tell whether a space is of this name; makers differ in the path before it and in capitals."""
    return uri.rpartition("/")[2].lower() == name.lower()


def _between(share: float, ends: Ends) -> float:
    return ends[0] + (_within(share, (-1.0, 1.0)) + 1.0) / 2.0 * (ends[1] - ends[0])


def _share(value: float, ends: Ends) -> float:
    return 2.0 * (value - ends[0]) / (ends[1] - ends[0]) - 1.0


def _turn(pan: float, ends: Ends) -> float:
    """Return the same direction within the limits, which may go past 180; raises ``Cannot``."""
    for turned in (pan, pan + 360.0, pan - 360.0):
        if ends[0] - SLACK_DEG <= turned <= ends[1] + SLACK_DEG:
            return _within(turned, ends)
    raise Cannot("unreachable")


def _within(value: float, ends: Ends) -> float:
    return max(ends[0], min(ends[1], value))
