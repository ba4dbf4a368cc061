"""Where the trailer stands: the last fix, when it was taken, and what the fence makes of it."""

from __future__ import annotations

from agent.clock import wire
from agent.config import Config
from agent.fence import Fix
from agent.permit import Permit


class Position:
    """The receiver of one trailer. ``fix`` and ``at`` (RFC 3339) are None before the first."""

    def __init__(self, config: Config, permit: Permit) -> None:
        self.config = config
        self.permit = permit
        self.fix: Fix | None = None
        self.at: str | None = None

    def take(self) -> None:
        """Read the receiver and judge where the trailer stands; without a fix the last one stays."""
        config = self.config
        fix = config.fix()
        if fix is None and config.lat is not None and config.lon is not None:
            fix = Fix(config.lat, config.lon)
        if fix is not None:
            self.fix, self.at = fix, wire(config.clock.now())
            self.permit.fence.take(fix, self.permit.desired)
