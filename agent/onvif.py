"""A pan-tilt-zoom camera that speaks ONVIF (profiles S and T), on the trailer's own network.

Needs the extra ``onvif``. The service descriptions come with the library: nothing is fetched but from the
camera, and from no other address than the one it was set up with. The agent's own timer ends every movement
(``turret.py``); the camera is given the same end, for the case that the agent or the wire is gone by then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from onvif import ONVIFCamera
from zeep.exceptions import Fault, TransportError

from agent.ports import Cannot, Pose
from agent.spaces import Reach, Space

log = logging.getLogger("agent.onvif")

CONNECT_S = 20.0
#: A camera that is away is looked for this often. One that refused is left alone: makers lock accounts.
AWAY_S, REFUSED_S = 5.0, 300.0


# Their lines at the lowest level hold whole messages, what the account signs with among it.
for _name in ("onvif", "zeep"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class CameraAway(Exception):
    """The camera does not answer, or not as ONVIF says."""


class CameraFault(Exception):
    """The camera answers that it will not or can not; the text says its code."""


class CameraRefuses(Exception):
    """The camera does not take the credentials."""


@dataclass(frozen=True)
class Account:
    """Where the camera is and who asks; ``profile`` empty: the first one that can be moved."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    profile: str = ""
    reach: Reach = field(default_factory=Reach)


@dataclass(frozen=True)
class _Link:
    """An open way to the camera, and what it said of itself. ``timeout_s``: which ends it can keep."""

    camera: ONVIFCamera
    service: Any
    profile: str
    default_space: str
    spaces: tuple[Space, ...]
    pans: bool
    zooms: bool
    timeout_s: tuple[float, float]


class OnvifHead:
    """Implements ``ports.Ptz``. ``run`` keeps the way to the camera; without it every call fails."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._link: _Link | None = None
        self._failure: Exception | None = None
        #: Set from the moment when it is known whether the camera can be asked.
        self._known = asyncio.Event()
        self._again = asyncio.Event()

    async def run(self) -> None:
        """Find the camera, and again when it refused, until cancelled; raises nothing of the camera's."""
        clock, quiet_until = asyncio.get_running_loop().time, 0.0
        try:
            while True:
                pause = await self._find()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._again.wait()
                self._again.clear()
                if pause is None:
                    # It took the account and then refused: once that is its clock, twice it is not.
                    await asyncio.sleep(max(0.0, quiet_until - clock()))
                    quiet_until = clock() + REFUSED_S
        finally:
            await self._drop(CameraAway("the agent ends"))

    async def move(self, pan: float, tilt: float, zoom: float, timeout_s: float) -> None:
        """See ``ports.Ptz``. A camera that keeps no end so short is given its shortest."""
        link = await self._ready()
        velocity: dict[str, Any] = {}
        if link.pans:
            velocity["PanTilt"] = {"x": pan, "y": tilt}
        if link.zooms:
            velocity["Zoom"] = {"x": zoom}
        end = timedelta(seconds=max(link.timeout_s[0], min(link.timeout_s[1], timeout_s)))
        await self._ask(
            link.service.ContinuousMove, ProfileToken=link.profile, Velocity=velocity, Timeout=end
        )

    async def stop(self) -> None:
        """See ``ports.Ptz``."""
        link = await self._ready()
        await self._ask(link.service.Stop, ProfileToken=link.profile, PanTilt=True, Zoom=True)

    async def preset(self, number: int) -> None:
        """See ``ports.Ptz``: the camera's preset with this number as its token, or as its name."""
        link = await self._ready()
        presets = await self._ask(link.service.GetPresets, ProfileToken=link.profile) or []
        tokens = {one.Name: one.token for one in presets} | {one.token: one.token for one in presets}
        if (token := tokens.get(str(number))) is None:
            raise Cannot("unknown-preset")
        await self._ask(link.service.GotoPreset, ProfileToken=link.profile, PresetToken=token)

    async def aim(self, pose: Pose) -> None:
        """See ``ports.Ptz``; ``Cannot`` where the camera has no place in degrees, or does not reach it."""
        link, reach = await self._ready(), self.account.reach
        x, y, uri = reach.position(pose, link.spaces)
        position: dict[str, Any] = {"PanTilt": {"x": x, "y": y, "space": uri}}
        if link.zooms and (zoom := reach.zoom(pose.hfov_deg)) is not None:
            position["Zoom"] = {"x": zoom}
        await self._ask(link.service.AbsoluteMove, ProfileToken=link.profile, Position=position)

    async def home(self) -> None:
        """See ``ports.Ptz``: the home position that was stored in the camera."""
        link = await self._ready()
        await self._ask(link.service.GotoHomePosition, ProfileToken=link.profile)

    async def pose(self) -> Pose | None:
        """See ``ports.Ptz``."""
        link = await self._ready()
        try:
            status = await self._ask(link.service.GetStatus, ProfileToken=link.profile)
        except CameraFault:
            return None
        position = getattr(status, "Position", None)
        pan_tilt, zoom = getattr(position, "PanTilt", None), getattr(position, "Zoom", None)
        if pan_tilt is None:
            return None
        uri = pan_tilt.space or link.default_space
        return self.account.reach.pose(pan_tilt.x, pan_tilt.y, uri, zoom and zoom.x)

    async def _ready(self) -> _Link:
        """Return the way to the camera; waits for the first try, and fails at once after one that failed."""
        await self._known.wait()
        if self._link is None:
            raise self._failure or CameraAway("not looked for")
        return self._link

    async def _ask(self, call: Callable[[dict[str, Any]], Awaitable[Any]], **arguments: Any) -> Any:
        """Make one call; a refusal of the credentials makes the way anew, with the camera's time as it is."""
        try:
            return await call(arguments)
        except Exception as error:
            found = _meant(error)
            if isinstance(found, CameraRefuses):
                await self._drop(found)
                self._again.set()
            raise found from error

    async def _find(self) -> float | None:
        """Try once; returns seconds until the next try, None when the camera was found."""
        try:
            async with asyncio.timeout(CONNECT_S):
                self._link = await self._connect()
        except Exception as error:
            # Whatever a camera answers, and whatever a library makes of it: the agent goes on without one.
            failure = _meant(error)
        else:
            log.info("the camera answers; profile %s", self._link.profile)
            self._failure = None
            self._known.set()
            return None
        if str(failure) != str(self._failure):
            log.error("no camera at %s port %s: %s", self.account.host, self.account.port, failure)
        self._failure = failure
        self._known.set()
        return REFUSED_S if isinstance(failure, CameraRefuses) else AWAY_S

    async def _drop(self, why: Exception) -> None:
        link, self._link, self._failure = self._link, None, why
        if link is not None:
            await link.camera.close()

    async def _connect(self) -> _Link:
        account = self.account
        # Its clock is asked first: a signed name is good for a few seconds of the camera's own time.
        camera = ONVIFCamera(
            self._host(), account.port, account.user, account.password, no_cache=True, adjust_time=True
        )
        try:
            await camera.update_xaddrs()
            camera.xaddrs = {name: self._here(url) for name, url in camera.xaddrs.items()}
            media, service = await camera.create_media_service(), await camera.create_ptz_service()
            profile = self._profile(await media.GetProfiles() or [])
            settings = profile.PTZConfiguration
            options = None
            with suppress(Fault):
                options = await service.GetConfigurationOptions({"ConfigurationToken": settings.token})
            return _link(camera, service, profile.token, settings, options)
        except BaseException:
            await camera.close()
            raise

    def _here(self, url: str) -> str:
        """Return a service's address at the place that was set up, whatever the camera calls itself."""
        parts = urlsplit(url)
        return urlunsplit(("http", f"{self._host()}:{self.account.port}", parts.path, parts.query, ""))

    def _host(self) -> str:
        return f"[{self.account.host}]" if ":" in self.account.host else self.account.host

    def _profile(self, profiles: list[Any]) -> Any:
        able = [one for one in profiles if one.PTZConfiguration is not None]
        wanted = self.account.profile
        found = [one for one in able if one.token == wanted] if wanted else able
        if not found:
            raise CameraFault(f"no profile {wanted} that can be moved" if wanted else "it can't be moved")
        return found[0]


def _link(camera: ONVIFCamera, service: Any, profile: str, settings: Any, options: Any) -> _Link:
    """Read what a camera says of its spaces and timeouts; what it leaves out is not there.

    One that says nothing at all (``options`` None) is taken to pan, tilt and zoom, and to have no place.
    """
    spaces = getattr(options, "Spaces", None)

    def has(name: str) -> list[Any]:
        return list(getattr(spaces, name, None) or [])

    timeout = getattr(options, "PTZTimeout", None)
    least, most = _seconds(timeout and timeout.Min, 0.0), _seconds(timeout and timeout.Max, 3600.0)
    return _Link(
        camera=camera,
        service=service,
        profile=profile,
        # The schema itself spells it so.
        default_space=settings.DefaultAbsolutePantTiltPositionSpace or "",
        spaces=tuple(
            Space(one.URI, (one.XRange.Min, one.XRange.Max), (one.YRange.Min, one.YRange.Max))
            for one in has("AbsolutePanTiltPositionSpace")
        ),
        pans=options is None or bool(has("ContinuousPanTiltVelocitySpace")),
        zooms=options is None or bool(has("ContinuousZoomVelocitySpace")),
        # One that says 0 to 0 says nothing.
        timeout_s=(least, most) if most > 0 else (0.0, 3600.0),
    )


def _seconds(value: Any, otherwise: float) -> float:
    return float(value.total_seconds()) if isinstance(value, timedelta) else otherwise


def _meant(error: Exception) -> Exception:
    """Return what an error of the library means, without what the camera wrote."""
    if isinstance(error, CameraAway | CameraFault | CameraRefuses):
        return error
    if isinstance(error, Fault):
        codes = [str(getattr(code, "localname", code)) for code in error.subcodes or ()]
        if "NotAuthorized" in codes or "FailedAuthentication" in codes:
            return CameraRefuses("it does not take the name and password")
        return CameraFault(", ".join(codes) or "no code")
    if isinstance(error, TransportError) and error.status_code in (401, 403):
        return CameraRefuses("it does not take the name and password")
    return CameraAway(f"it does not answer, or not as ONVIF says ({type(error).__name__})")
