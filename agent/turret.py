"""The rules around a pan-tilt-zoom camera: every move ends, no window is looked into, and it goes home.

A forbidden sector wins over everything: a direction inside one is refused, a movement that reaches one is
stopped, and while the view touches one the picture is dark. A camera that can't say where it looks counts as
looking into every sector there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from agent.clock import AgentClock
from agent.desired import Desired
from agent.geometry import azimuth_of, pose_to, sees, way_out
from agent.ports import Cannot, Pose, Ptz

log = logging.getLogger("agent.turret")

MAX_MOVE_MS = 2000
CALL_S = 3.0
#: How often a moving camera is asked where it looks, and how long a journey to a place may take.
LOOK_S = 0.1
JOURNEY_S = 12.0
#: How often a camera that nobody moves is looked after.
TEND_S = 0.5
#: What a camera turns between two looks, and how wide it sees when it does not say.
MARGIN_DEG = 5.0
WIDE_DEG = 65.0


class Turret:
    """One camera's movements. Without a port every movement is refused as ``unsupported``."""

    def __init__(
        self,
        port: Ptz | None,
        desired: Callable[[], Desired],
        permitted: Callable[[], bool],
        clock: AgentClock,
        darken: Callable[[bool], None],
    ) -> None:
        self.port = port
        self.desired = desired
        self.permitted = permitted
        self.clock = clock
        self.darken = darken
        #: True while the picture must be dark.
        self.masked = False
        self.pan = 0.0
        self.moves_until: float | None = None
        self._watched: Callable[[], bool] = lambda: False
        #: Somebody watched since it was last sent home.
        self._seen = False
        self._order = 0
        self._lock = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    async def move(self, args: Mapping[str, Any]) -> None:
        """Move at the given speeds until ``timeout_ms``; a newer order replaces it. Raises ``Cannot``."""
        pan, tilt, zoom = (_number(args, name, -1.0, 1.0, 0.0) for name in ("pan", "tilt", "zoom"))
        timeout_ms = _number(args, "timeout_ms", 1, MAX_MOVE_MS)
        port = self._ready()
        await self._look_first(pan)
        await self._do(port.move(pan, tilt, zoom, timeout_ms / 1000), timeout_ms / 1000, pan)

    async def preset(self, args: Mapping[str, Any]) -> None:
        """Go to preset ``n``: a place of the desired state, or of the camera when that names none."""
        number = int(_number(args, "n", 0, 255, whole=True))
        port, desired = self._ready(), self.desired()
        if desired.presets and number not in desired.presets:
            raise Cannot("unknown-preset")
        place = desired.presets.get(number)
        if place is None:
            await self._do(port.preset(number), JOURNEY_S)
        else:
            await self._go(port, *place)

    async def slew(self, args: Mapping[str, Any]) -> None:
        """Look to an azimuth true; refused when the view there touches a forbidden sector."""
        azimuth = _number(args, "az_deg", -360.0, 360.0)
        tilt = _number(args, "tilt_deg", -90.0, 90.0)
        hfov = _number(args, "hfov_deg", 0.1, 180.0, WIDE_DEG)
        await self._go(self._ready(), azimuth, tilt, hfov)

    async def _go(self, port: Ptz, azimuth: float, tilt: float, hfov: float | None) -> None:
        desired = self.desired()
        if sees(azimuth % 360.0, _half(hfov), desired.forbidden_sectors):
            raise Cannot("forbidden-sector")
        await self._do(port.aim(pose_to(azimuth, tilt, hfov, desired.heading_deg)), JOURNEY_S)

    async def stop(self) -> None:
        """Stop at once, also what has been ordered and not begun. Raises ``Cannot`` when the camera fails."""
        self._order += 1
        self.moves_until = None
        if self.port is None:
            return
        async with self._lock:
            await self._call(self.port.stop())

    async def home(self) -> None:
        """Stop and go home, when nobody watches any more; a camera that fails is only logged."""
        if self.port is None:
            return
        with contextlib.suppress(Cannot):
            await self.stop()
            async with self._lock:
                await self._call(self.port.home())

    async def lost(self) -> None:
        """The link is gone: nobody steers, so nothing moves."""
        if self.moves_until is not None:
            with contextlib.suppress(Cannot):
                await self.stop()

    async def close(self) -> None:
        """Stop and end the watching."""
        await self.lost()
        if self._watch is not None:
            self._watch.cancel()

    async def tend(self, watched: Callable[[], bool]) -> None:
        """Keep the camera out of the forbidden sectors while it is ``watched``, and send it home after.

        A task of its own: a camera that answers slowly must not hold up the end of a stream.
        """
        self._watched = watched
        while True:
            await asyncio.sleep(TEND_S)
            if not self.permitted():
                await self.lost()
            if watched():
                self._seen = True
                await self.look()
            elif self._seen:
                self._seen = False
                await self.home()

    async def look(self) -> None:
        """Judge where the camera looks now; stop it and darken the picture inside a forbidden sector."""
        sectors = self.desired().forbidden_sectors
        if not sectors:
            self._mask(False)
            return
        azimuth, half = await self._view()
        self._mask(azimuth is None or sees(azimuth, half, sectors))
        if self.masked and self.moves_until is not None and not self._leaves(azimuth, half, self.pan):
            log.warning("stopped: the view reached a forbidden sector")
            with contextlib.suppress(Cannot):
                await self.stop()

    def _mask(self, on: bool) -> None:
        self.masked = on
        self.darken(on)

    def _ready(self) -> Ptz:
        if self.port is None:
            raise Cannot("unsupported")
        if not self.permitted():
            raise Cannot("not-deployed")
        return self.port

    async def _look_first(self, pan: float) -> None:
        """Inside a sector only the shorter way out is open."""
        sectors = self.desired().forbidden_sectors
        if not sectors:
            return
        azimuth, half = await self._view()
        self._mask(azimuth is None or sees(azimuth, half, sectors))
        if self.masked and not self._leaves(azimuth, half, pan):
            raise Cannot("forbidden-sector")

    def _leaves(self, azimuth: float | None, half: float, pan: float) -> bool:
        if azimuth is None:
            return False
        way = way_out(azimuth, half, self.desired().forbidden_sectors)
        return way != 0 and pan * way > 0

    async def _view(self) -> tuple[float | None, float]:
        """Return the azimuth looked to and half the width seen, with what it may turn until the next look."""
        pose: Pose | None = None
        if self.port is not None:
            with contextlib.suppress(Cannot):
                pose = await self._call(self.port.pose())
        if pose is None:
            return None, 0.0
        return azimuth_of(pose.pan_deg, self.desired().heading_deg), _half(pose.hfov_deg)

    async def _do(self, call: Coroutine[Any, Any, None], seconds: float, pan: float = 0.0) -> None:
        """Make one movement; the newest order counts, and one that a stop overtook is not made."""
        self._order += 1
        order = self._order
        async with self._lock:
            if order != self._order:
                call.close()
                raise Cannot("stopped", "failed")
            # Before the camera is asked: also a movement of which no answer came must end.
            self.pan, self.moves_until = pan, self.clock.monotonic() + seconds
            # A watching may be over before ``tend`` looks again; what it moved goes home all the same.
            self._seen = self._seen or self._watched()
            if self._watch is None or self._watch.done():
                self._watch = asyncio.create_task(self._follow())
            await self._call(call)

    async def _follow(self) -> None:
        """While it moves: look often, and end it when its time is over."""
        while self.moves_until is not None:
            left = self.moves_until - self.clock.monotonic()
            if left <= 0:
                with contextlib.suppress(Cannot):
                    await self.stop()
                return
            await asyncio.sleep(min(LOOK_S, left))
            await self.look()

    async def _call(self, call: Coroutine[Any, Any, Any]) -> Any:
        try:
            async with asyncio.timeout(CALL_S):
                return await call
        except Cannot:
            raise
        except Exception as error:
            log.error("the camera failed: %s", type(error).__name__)
            raise Cannot("camera-fault", "failed") from error


def _half(hfov_deg: float | None) -> float:
    return (hfov_deg or WIDE_DEG) / 2 + MARGIN_DEG


def _number(
    args: Mapping[str, Any],
    name: str,
    least: float,
    most: float,
    default: float | None = None,
    *,
    whole: bool = False,
) -> float:
    """Return an argument as a number within its limits; raises ``Cannot`` ``bad-args``."""
    value = args.get(name, default)
    kinds = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
        raise Cannot("bad-args")
    return float(value)
