"""The test alert of an installation: one invented gunshot, raised with every sensor off.

It proves the way (clock, key, signature, link, intake) and nothing about a microphone. The console takes
it only inside the window that a technician opened, and keeps nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agent import VERSION
from agent.desired import GEOFENCE_M
from agent.fence import Fix, metres

#: By this the console knows such an alert; a detector that hears never calls itself so.
MODEL = "self-test"
ANSWER_S = 8.0
_DEPLOYMENT = re.compile(r"DEP-[0-9]{4}-[0-9]{4,6}")


def deployment_of(args: Mapping[str, Any]) -> str | None:
    """Return the deployment that a ``self.test`` names, None when it names none."""
    name = args.get("deployment")
    return name if isinstance(name, str) and _DEPLOYMENT.fullmatch(name) else None


def point_of(args: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the authorised point that a ``self.test`` names, WGS 84 degrees; older consoles name none."""
    try:
        return float(args["point"]["lat"]), float(args["point"]["lon"])
    except (KeyError, TypeError, ValueError):
        return None


def at_point(args: Mapping[str, Any], fix: Fix) -> bool:
    """Tell whether the trailer stands where the test is about, as far as both are known."""
    point = point_of(args)
    return point is None or not fix.good or metres(point, fix) <= GEOFENCE_M


def block() -> dict[str, Any]:
    """Return the contract's ``gunshot`` of a test."""
    detector = {"make": "csrp-agent", "model": MODEL, "firmware": VERSION}
    return {"class": "gunshot", "confidence": 1.0, "rounds": 1, "detector": detector}
