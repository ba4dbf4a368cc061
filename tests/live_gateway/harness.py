"""A gateway in this process, a stand-in for the console's two hooks, and a viewer that decodes."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import aiohttp
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription

from agent.publisher import _use_loopback
from agent.strip import Strip, read_strip
from live.gateway.hooks import SECRET_HEADER, Console
from live.gateway.ports import PortRange
from live.gateway.sessions import Registry
from live.gateway.settings import Settings
from live.gateway.web import make_app

SECRET = "a-shared-secret-for-tests-of-the-gateway"
PATH = "p-4f0c2d9a77"


class FakeConsole:
    """Answers the auth and lease hooks as told, and remembers every question."""

    def __init__(self) -> None:
        self.tokens = {"publish": "token-publish", "read": "token-read"}
        self.asked: list[dict[str, Any]] = []
        self.leases: list[list[dict[str, Any]]] = []
        self.auth_status: int | None = None
        self.auth_delay_s = 0.0
        self.lease_status = 200
        self.lease_body: Any = None
        self.dropped: set[str] = set()
        self.url = ""

    async def auth(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        await asyncio.sleep(self.auth_delay_s)
        if self.auth_status is not None:
            return web.Response(status=self.auth_status, headers={"Location": "/elsewhere"})
        if request.headers.get(SECRET_HEADER) != SECRET:
            return web.Response(status=403)
        right = secrets.compare_digest(body["token"], self.tokens[body["action"]])
        return web.Response(status=204 if right else 403)

    async def lease(self, request: web.Request) -> web.Response:
        sessions = (await request.json())["sessions"]
        self.leases.append(sessions)
        if self.lease_body is not None:
            return web.json_response(self.lease_body, status=self.lease_status)
        keep = [one["id"] for one in sessions if one["id"] not in self.dropped]
        return web.json_response({"keep": keep}, status=self.lease_status)


@dataclass
class Gateway:
    """A running gateway and the means to look into it."""

    url: str
    registry: Registry
    console: FakeConsole
    http: aiohttp.ClientSession
    runners: list[web.AppRunner] = field(default_factory=list)

    def address(self, kind: str, path: str = PATH) -> str:
        return f"{self.url}/{path}/{kind}"

    async def listed(self) -> list[dict[str, Any]]:
        async with self.http.get(f"{self.url}/v3/webrtcsessions/list", headers={SECRET_HEADER: SECRET}) as r:
            assert r.status == 200
            return list((await r.json())["items"])

    async def kick(self, session_id: str, secret: str = SECRET) -> int:
        url = f"{self.url}/v3/webrtcsessions/kick/{session_id}"
        async with self.http.post(url, headers={SECRET_HEADER: secret}) as answer:
            return answer.status

    async def post(
        self, kind: str, body: str, token: str | None, path: str = PATH, media: str = "application/sdp"
    ) -> tuple[aiohttp.ClientResponse, str]:
        """POST an offer; returns the answer and its text."""
        headers = {"Content-Type": media}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with self.http.post(self.address(kind, path), data=body, headers=headers) as answer:
            return answer, await answer.text()


async def serve(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@contextlib.asynccontextmanager
async def running_gateway(**changes: Any) -> AsyncIterator[Gateway]:
    """A gateway with settings changed by keyword, and its fake console."""
    console = FakeConsole()
    hooks = web.Application()
    hooks.add_routes([web.post("/auth/", console.auth), web.post("/lease/", console.lease)])
    hook_runner, console.url = await serve(hooks)
    wanted = {"secret": SECRET, "auth_url": f"{console.url}/auth/", "lease_url": f"{console.url}/lease/"}
    settings = Settings(**(wanted | changes))
    if settings.udp_from:
        PortRange(settings.udp_from, settings.udp_to).install(asyncio.get_running_loop())
    registry = Registry(settings, Console(settings))
    runner, url = await serve(make_app(registry))
    try:
        async with aiohttp.ClientSession() as http:
            yield Gateway(url, registry, console, http, [runner, hook_runner])
    finally:
        await runner.cleanup()
        await hook_runner.cleanup()


class Viewer:
    """A WHEP client on aiortc that decodes pictures and reads their strip."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.transceiver = self.pc.addTransceiver("video", direction="recvonly")
        capabilities = RTCRtpReceiver.getCapabilities("video")
        assert capabilities is not None
        self.transceiver.setCodecPreferences([c for c in capabilities.codecs if c.name in ("H264", "rtx")])
        _use_loopback(self.transceiver)
        self.strips: list[Strip] = []
        self.frames = 0
        self.last_frame_at = 0.0
        self.resource = ""
        self._reader: asyncio.Task[None] | None = None

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def open(
        self, gateway: Gateway, token: str = "token-read", path: str = PATH
    ) -> aiohttp.ClientResponse:
        answer, text = await gateway.post("whep", await self.offer(), token, path)
        assert answer.status == 201, text
        self.resource = urljoin(gateway.address("whep", path), answer.headers["Location"])
        self.pc.on("track", self._read)
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp=text, type="answer"))
        return answer

    def _read(self, track: Any) -> None:
        self._reader = asyncio.ensure_future(self._read_on(track))

    async def _read_on(self, track: Any) -> None:
        with contextlib.suppress(Exception):
            while True:
                frame = await track.recv()
                self.frames += 1
                self.last_frame_at = time.monotonic()
                strip = read_strip(frame.to_ndarray(format="yuv420p")[: frame.height])
                if strip is not None:
                    self.strips.append(strip)

    async def first_frame(self) -> None:
        await until(lambda: self.frames)

    def without_ports(self) -> Viewer:
        """Gather no candidate: for tests that count the ports this loop has."""

        async def nothing(**_: Any) -> list[Any]:
            return []

        connection: Any = self.transceiver.receiver.transport.transport._connection
        connection.get_component_candidates = nothing
        return self

    async def close(self) -> None:
        if self._reader:
            self._reader.cancel()
        await self.pc.close()


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait for a condition; fails the test when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)
