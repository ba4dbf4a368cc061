"""The test alert of an installation: one invented gunshot, raised with every sensor off.

It proves the way (clock, key, signature, link, intake) and nothing about a microphone. The console takes
it only inside the window that a technician opened, and keeps nothing of it. Asked for no deployment, the
trailer looks at its own parts instead.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent import VERSION
from agent.desired import GEOFENCE_M
from agent.fence import Fix, metres
from agent.permit import Permit
from agent.position import Position
from agent.reporter import Reporter
from agent.telemetry import Figures

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


class SelfTest:
    """The verb ``self.test`` of one trailer. ``arrive`` looks where it stands, ``say`` tells the console."""

    def __init__(
        self,
        permit: Permit,
        position: Position,
        reporter: Reporter,
        figures: Figures,
        arrive: Callable[[Mapping[str, Any]], None],
        say: Callable[[], Awaitable[None]],
    ) -> None:
        self.permit = permit
        self.position = position
        self.reporter = reporter
        self.figures = figures
        self._arrive = arrive
        self._say = say

    async def run(self, args: Mapping[str, Any]) -> str | None:
        """Raise the test alert of an installation and wait for its answer; returns why it failed, or None.

        Without arguments it looks at itself instead, and raises nothing.
        Under a deployment it would ring as a real one, so there it is not raised; nor away from the place it
        is about. One that the console did not take in time is forgotten: late, it would test nothing.
        """
        if not args:
            return self._look_at_itself()
        deployment = deployment_of(args)
        if deployment is None:
            return "bad-args"
        permit = self.permit
        if permit.halted is not None or permit.desired.deployed(self.position.config.clock.now()):
            return permit.halted or "deployed"
        self._arrive(args)
        await self._say()
        if self.position.fix is not None and not at_point(args, self.position.fix):
            return "off-point"
        entry = self.reporter.raise_alert("gunshot", block(), deployment, raised=False)
        answer = await self.reporter.answer_to(entry, ANSWER_S)
        self.reporter.buffer.remove(entry.id)
        return None if answer.ok else answer.code or "unavailable"

    def _look_at_itself(self) -> str | None:
        """Return the code of the first part that does not answer, None when all do."""
        self.position.take()
        halted = self.permit.halted
        found = (
            (halted, halted is None),
            ("no-fix", self.position.fix is not None),
            ("no-power", self.figures.gauge.answers("power")),
            ("no-site", self.figures.gauge.answers("site")),
            ("no-store", self.figures.measure() > 0),
        )
        return next((code for code, fine in found if not fine), None)
