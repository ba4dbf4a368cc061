"""A camera that speaks enough ONVIF over real HTTP for an agent to move it: SOAP in, SOAP out, no library.

It checks the WS-Security digest of every call but the question for its clock, by its own clock, which may be
wrong. What moves behind it is ``agent.simptz``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from agent.clock import AgentClock
from agent.ports import Pose
from agent.simptz import SimulatedPtz

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "ter": "http://www.onvif.org/ver10/error",
}
WSSE = (
    "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}",
    "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}",
)
PAN_TILT = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/"
ZOOM = "http://www.onvif.org/ver10/tptz/ZoomSpaces/"
SPHERICAL, GENERIC = PAN_TILT + "SphericalPositionSpaceDegrees", PAN_TILT + "PositionGenericSpace"
#: What -1 and 1 of the generic space are on this camera, and how wide it sees at both ends of its zoom.
PAN_DEG, TILT_DEG, HFOV_DEG = (-180.0, 180.0), (-60.0, 30.0), (65.0, 3.0)


class Fault(Exception):
    """A SOAP fault: ``args[0]`` is its subcode, ``args[1]`` the HTTP status."""


def duration_s(text: str | None) -> float | None:
    """The seconds of ``PT…S``, None without one."""
    found = re.fullmatch(r"PT([0-9.]+)S", text or "")
    return float(found[1]) if found else None


@dataclass
class OnvifCamera:
    """``space`` is where its positions are told; ``script`` holds raw answers (status, body) by operation."""

    clock: AgentClock
    space: str = SPHERICAL
    password: str = "pa:ss word"
    behind: timedelta = timedelta(0)
    least_timeout_s: float = 0.0
    obeys_timeout: bool = True
    tells_position: bool = True
    port: int = 0
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    faults: dict[str, tuple[str, int]] = field(default_factory=dict)
    script: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.head = SimulatedPtz(self.clock)
        self.head._pose = Pose(0.0, 0.0, 65.0)
        self._server: asyncio.Server | None = None
        self._nonces: set[str] = set()

    async def __aenter__(self) -> OnvifCamera:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    def names(self) -> list[str]:
        """The operations that were carried out, without the questions."""
        return [name for name, _ in self.calls if not name.startswith("Get")]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(re.search(r"content-length: (\d+)", head)[1])
            status, body = await self._answer(await reader.readexactly(length))
        except asyncio.IncompleteReadError:
            writer.close()
            return
        lines = (
            f"HTTP/1.1 {status} X", "Content-Type: application/soap+xml; charset=utf-8",
            f"Content-Length: {len(body)}", "Connection: close", "", "",
        )  # fmt: skip
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()
        writer.close()

    async def _answer(self, raw: bytes) -> tuple[int, bytes]:
        tree = ElementTree.fromstring(raw)
        (request,) = list(tree.find("s:Body", NS))
        name = request.tag.partition("}")[2]
        if name in self.script:
            return self.script[name]
        try:
            if name != "GetSystemDateAndTime":
                self._check(tree, name)
            if name in self.faults:
                raise Fault(*self.faults[name])
            self.calls.append((name, plain(request)))
            return 200, envelope(await getattr(self, f"_{name}")(self.calls[-1][1]))
        except Fault as fault:
            code, status = fault.args
            return status, envelope(
                f"<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:{code}</s:Value>"
                "</s:Subcode></s:Code><s:Reason><s:Text xml:lang='en'>SECRET TEXT</s:Text></s:Reason>"
                "</s:Fault>"
            )

    def _now(self) -> datetime:
        return datetime.now(UTC) - self.behind

    def _check(self, tree: Any, name: str) -> None:
        """Name, digest, age and freshness of the nonce, as the UsernameToken profile has them."""
        secext, utility = WSSE
        token = tree.find(f".//{secext}UsernameToken")
        said = {} if token is None else {one.tag: one.text or "" for one in token}
        created, nonce = said.get(f"{utility}Created", ""), said.get(f"{secext}Nonce", "")
        digest = hashlib.sha1(base64.b64decode(nonce) + created.encode() + self.password.encode()).digest()
        good = (
            said.get(f"{secext}Username") == "agent"
            and said.get(f"{secext}Password") == base64.b64encode(digest).decode()
            and nonce not in self._nonces
            and abs(datetime.fromisoformat(created.replace("Z", "+00:00")) - self._now())
            < timedelta(seconds=5)
        )
        self._nonces.add(nonce)
        if not good:
            self.refused[name] += 1
            raise Fault("NotAuthorized", 400)

    # --- what it answers --------------------------------------------------------------------------

    async def _GetSystemDateAndTime(self, _: dict[str, Any]) -> str:
        now = self._now()
        return (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
            "<tt:DateTimeType>Manual</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>"
            f"<tt:UTCDateTime><tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
            f"<tt:Second>{now.second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}</tt:Year>"
            f"<tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date>"
            "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    async def _GetServices(self, _: dict[str, Any]) -> str:
        raise Fault("ActionNotSupported", 400)

    async def _GetCapabilities(self, _: dict[str, Any]) -> str:
        # It believes to be somewhere else, as one behind a router does.
        return (
            "<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media><tt:XAddr>http://192.0.2.1/onvif/media"
            "</tt:XAddr><tt:StreamingCapabilities/></tt:Media><tt:PTZ><tt:XAddr>http://192.0.2.1:81/onvif/ptz"
            "</tt:XAddr></tt:PTZ></tds:Capabilities></tds:GetCapabilitiesResponse>"
        )

    async def _GetProfiles(self, _: dict[str, Any]) -> str:
        able = "".join(
            f"<trt:Profiles token='{token}'><tt:Name>x</tt:Name><tt:PTZConfiguration token='C1'>"
            "<tt:Name>x</tt:Name><tt:UseCount>1</tt:UseCount><tt:NodeToken>N1</tt:NodeToken>"
            f"<tt:DefaultAbsolutePantTiltPositionSpace>{self.space}"
            "</tt:DefaultAbsolutePantTiltPositionSpace></tt:PTZConfiguration></trt:Profiles>"
            for token in ("P1", "P2")
        )
        fixed = "<trt:Profiles token='P0'><tt:Name>x</tt:Name></trt:Profiles>"
        return f"<trt:GetProfilesResponse>{fixed}{able}</trt:GetProfilesResponse>"

    async def _GetConfigurationOptions(self, _: dict[str, Any]) -> str:
        ends = (*PAN_DEG, *TILT_DEG) if self.space == SPHERICAL else (-1, 1, -1, 1)
        return (
            "<tptz:GetConfigurationOptionsResponse><tptz:PTZConfigurationOptions><tt:Spaces>"
            f"{space('AbsolutePanTiltPositionSpace', self.space, *ends)}"
            f"{space('AbsoluteZoomPositionSpace', ZOOM + 'PositionGenericSpace', 0, 1)}"
            f"{space('ContinuousPanTiltVelocitySpace', PAN_TILT + 'VelocityGenericSpace', -1, 1, -1, 1)}"
            f"{space('ContinuousZoomVelocitySpace', ZOOM + 'VelocityGenericSpace', -1, 1)}</tt:Spaces>"
            f"<tt:PTZTimeout><tt:Min>PT{self.least_timeout_s}S</tt:Min><tt:Max>PT10S</tt:Max></tt:PTZTimeout>"
            "</tptz:PTZConfigurationOptions></tptz:GetConfigurationOptionsResponse>"
        )

    async def _ContinuousMove(self, told: dict[str, Any]) -> str:
        speed = told["Velocity"]
        end = duration_s(told.get("Timeout")) if self.obeys_timeout else None
        pan_tilt, zoom = speed.get("PanTilt", {}), speed.get("Zoom", {})
        speeds = (float(pan_tilt.get("x", 0)), float(pan_tilt.get("y", 0)), float(zoom.get("x", 0)))
        await self.head.move(*speeds, end or 3600.0)
        return "<tptz:ContinuousMoveResponse/>"

    async def _Stop(self, _: dict[str, Any]) -> str:
        await self.head.stop()
        return "<tptz:StopResponse/>"

    async def _GetPresets(self, _: dict[str, Any]) -> str:
        rows = "".join(
            f"<tptz:Preset token='{token}'><tt:Name>{name}</tt:Name></tptz:Preset>"
            for token, name in (("1", "gate"), ("t7", "2"))
        )
        return f"<tptz:GetPresetsResponse>{rows}</tptz:GetPresetsResponse>"

    async def _GotoPreset(self, told: dict[str, Any]) -> str:
        await self.head.preset({"1": 1, "t7": 2}[told["PresetToken"]])
        return "<tptz:GotoPresetResponse/>"

    async def _GotoHomePosition(self, _: dict[str, Any]) -> str:
        await self.head.home()
        return "<tptz:GotoHomePositionResponse/>"

    async def _AbsoluteMove(self, told: dict[str, Any]) -> str:
        place = told["Position"]["PanTilt"]
        pan, tilt, zoom = float(place["x"]), float(place["y"]), told["Position"].get("Zoom")
        if place["space"] != self.space:
            raise Fault("SpaceNotSupported", 400)
        if self.space == GENERIC:
            pan, tilt = degrees(pan, PAN_DEG), degrees(tilt, TILT_DEG)
        hfov = None if zoom is None else HFOV_DEG[0] + float(zoom["x"]) * (HFOV_DEG[1] - HFOV_DEG[0])
        await self.head.aim(Pose(pan, tilt, hfov))
        return "<tptz:AbsoluteMoveResponse/>"

    async def _GetStatus(self, _: dict[str, Any]) -> str:
        pose = await self.head.pose()
        x, y = pose.pan_deg, pose.tilt_deg
        if self.space == GENERIC:
            x, y = share(x, PAN_DEG), share(y, TILT_DEG)
        zoom = (pose.hfov_deg - HFOV_DEG[0]) / (HFOV_DEG[1] - HFOV_DEG[0])
        place = f"<tt:PanTilt x='{x}' y='{y}' space='{self.space}'/><tt:Zoom x='{zoom}'/>"
        return (
            f"<tptz:GetStatusResponse><tptz:PTZStatus>"
            f"{'<tt:Position>' + place + '</tt:Position>' if self.tells_position else ''}"
            "<tt:UtcTime>2026-04-27T23:14:07Z</tt:UtcTime></tptz:PTZStatus></tptz:GetStatusResponse>"
        )


def degrees(value: float, ends: tuple[float, float]) -> float:
    return ends[0] + (value + 1) / 2 * (ends[1] - ends[0])


def share(value: float, ends: tuple[float, float]) -> float:
    return 2 * (value - ends[0]) / (ends[1] - ends[0]) - 1


def space(name: str, uri: str, *ends: float) -> str:
    """One space of the options, with two or four limits."""
    x = f"<tt:XRange><tt:Min>{ends[0]}</tt:Min><tt:Max>{ends[1]}</tt:Max></tt:XRange>"
    y = f"<tt:YRange><tt:Min>{ends[2]}</tt:Min><tt:Max>{ends[3]}</tt:Max></tt:YRange>" if ends[2:] else ""
    return f"<tt:{name}><tt:URI>{uri}</tt:URI>{x}{y}</tt:{name}>"


def plain(element: Any) -> dict[str, Any]:
    """Attributes and children by their bare names; a leaf is its text."""
    found: dict[str, Any] = dict(element.attrib)
    for child in element:
        leaf = not len(child) and not child.attrib
        found[child.tag.partition("}")[2]] = child.text if leaf else plain(child)
    return found


def envelope(body: str) -> bytes:
    names = " ".join(f"xmlns:{prefix}='{uri}'" for prefix, uri in NS.items())
    return f"<?xml version='1.0'?><s:Envelope {names}><s:Body>{body}</s:Body></s:Envelope>".encode()
