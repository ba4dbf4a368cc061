"""A pan-tilt-zoom head of software: it turns as fast as a real one and knows where it looks.

The simulator's trailers have it, and tests that need a camera which really moves.
"""

from __future__ import annotations

from agent.clock import AgentClock
from agent.geometry import wrap180
from agent.ports import Pose

PAN_DEG_S, TILT_DEG_S, ZOOM_PER_S = 60.0, 40.0, 2.0
TILT_LIMITS = (-60.0, 30.0)
HFOV_LIMITS = (3.0, 65.0)
HOME = Pose(0.0, -5.0, 65.0)


class SimulatedPtz:
    """Implements ``ports.Ptz``: constant speed, no inertia, journeys at full speed along the shorter way."""

    def __init__(self, clock: AgentClock) -> None:
        self.clock = clock
        self.calls: list[str] = []
        self._pose = HOME
        self._speed = (0.0, 0.0, 0.0)
        self._goal: Pose | None = None
        self._at = clock.monotonic()
        self._until = self._at

    async def move(self, pan: float, tilt: float, zoom: float, timeout_s: float) -> None:
        """See ``ports.Ptz``."""
        self._advance()
        self.calls.append("move")
        self._speed, self._goal = (pan, tilt, zoom), None
        self._until = self._at + timeout_s

    async def stop(self) -> None:
        """See ``ports.Ptz``."""
        self._advance()
        self.calls.append("stop")
        self._speed, self._goal = (0.0, 0.0, 0.0), None

    async def preset(self, number: int) -> None:
        """Preset n looks n times 45 degrees to the right of the heading."""
        await self.aim(Pose(wrap180(45.0 * number), -5.0, 65.0))

    async def aim(self, pose: Pose) -> None:
        """See ``ports.Ptz``."""
        self._advance()
        self.calls.append("aim")
        self._speed, self._goal = (0.0, 0.0, 0.0), pose

    async def home(self) -> None:
        """See ``ports.Ptz``."""
        await self.aim(HOME)
        self.calls[-1] = "home"

    async def pose(self) -> Pose | None:
        """See ``ports.Ptz``."""
        self._advance()
        return self._pose

    def _advance(self) -> None:
        """Bring the pose up to this moment."""
        now = self.clock.monotonic()
        seconds, self._at = now - self._at, now
        if self._goal is not None:
            self._pose = _towards(self._pose, self._goal, seconds)
            return
        seconds = max(0.0, min(seconds, self._until - (now - seconds)))
        pan, tilt, zoom = self._speed
        hfov = (self._pose.hfov_deg or HFOV_LIMITS[1]) * ZOOM_PER_S ** (-zoom * seconds)
        self._pose = Pose(
            wrap180(self._pose.pan_deg + pan * PAN_DEG_S * seconds),
            _within(self._pose.tilt_deg + tilt * TILT_DEG_S * seconds, TILT_LIMITS),
            _within(hfov, HFOV_LIMITS),
        )


def _towards(pose: Pose, goal: Pose, seconds: float) -> Pose:
    return Pose(
        wrap180(pose.pan_deg + _step(wrap180(goal.pan_deg - pose.pan_deg), PAN_DEG_S * seconds)),
        pose.tilt_deg + _step(_within(goal.tilt_deg, TILT_LIMITS) - pose.tilt_deg, TILT_DEG_S * seconds),
        _within(goal.hfov_deg, HFOV_LIMITS) if goal.hfov_deg is not None else pose.hfov_deg,
    )


def _step(way: float, most: float) -> float:
    return max(-most, min(most, way))


def _within(value: float, limits: tuple[float, float]) -> float:
    return max(limits[0], min(limits[1], value))
