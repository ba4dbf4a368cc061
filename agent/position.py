"""Where the trailer stands: the last fix, when it was taken, and what the fence makes of it."""

from __future__ import annotations

from typing import Any

from agent.clock import wire
from agent.config import Config
from agent.fence import Fix
from agent.permit import Permit

#: A fix that is older says where the trailer was.
FRESH_S = 60.0


class Position:
    """The receiver of one trailer. ``fix`` and ``at`` (RFC 3339) are None before the first."""

    def __init__(self, config: Config, permit: Permit) -> None:
        self.config = config
        self.permit = permit
        self.fix: Fix | None = None
        self.at: str | None = None
        self._taken_s = 0.0

    def take(self) -> None:
        """Read the receiver and judge where the trailer stands; without a fix the last one stays."""
        config = self.config
        fix = config.fix()
        if fix is None and config.lat is not None and config.lon is not None:
            fix = Fix(config.lat, config.lon)
        if fix is not None:
            self.fix, self.at = fix, wire(config.clock.now())
            self._taken_s = config.clock.monotonic()
            self.permit.fence.take(fix, self.permit.desired)

    def wire(self) -> dict[str, Any] | None:
        """Return the contract's ``position`` of an alert; None without a good fix of the last minute."""
        fix = self.fix
        if fix is None or not fix.good or self.config.clock.monotonic() - self._taken_s > FRESH_S:
            return None
        accuracy = {} if fix.accuracy_m is None else {"accuracy_m": fix.accuracy_m}
        return {"lat": fix.lat, "lon": fix.lon, **accuracy}
