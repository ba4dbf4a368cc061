"""`python -m bench.live`: the gateway beside aiortc's default relay, in one run on one machine.

Prints CPU for each viewer, request to first frame, glass to glass (in Chromium) and kick to last frame.
Loopback only; LTE, packet loss, TURN, MediaMTX and other browsers are not measured here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from agent.publisher import Publisher
from live.gateway.hooks import SECRET_HEADER
from tests.live_gateway.harness import PATH, SECRET, FakeConsole, Viewer, serve, until
from tests.live_gateway.page import browser_page, page_server

MEASURE_S = 6.0
FORWARD_VIEWERS = (1, 8, 24)
TRANSCODE_VIEWERS = (1, 2)
ROUNDS = 8


@dataclass
class Server:
    """A media server under measurement; has what `Viewer.open` needs."""

    url: str
    http: aiohttp.ClientSession
    process: asyncio.subprocess.Process

    def address(self, kind: str, path: str = PATH) -> str:
        return f"{self.url}/{path}/{kind}"

    async def post(
        self, kind: str, body: str, token: str | None, path: str = PATH
    ) -> tuple[aiohttp.ClientResponse, str]:
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
        async with self.http.post(self.address(kind, path), data=body, headers=headers) as answer:
            return answer, await answer.text()

    def cpu_s(self) -> float:
        """Processor seconds the server has used so far (Linux)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.asynccontextmanager
async def server(module: str, *words: str, env: dict[str, str]) -> AsyncIterator[Server]:
    """Start `python -m module` and stop it again."""
    port = free_port()
    arguments = [word.replace("PORT", str(port)) for word in words]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=os.environ | env, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with aiohttp.ClientSession() as http:
            await answering(port)
            yield Server(f"http://127.0.0.1:{port}", http, process)
    finally:
        process.terminate()
        await process.wait()


async def answering(port: int) -> None:
    for _ in range(400):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise SystemExit("the server under measurement did not start")


@contextlib.asynccontextmanager
async def gateway() -> AsyncIterator[Server]:
    console = FakeConsole()
    hooks = web.Application()
    hooks.add_routes([web.post("/auth/", console.auth), web.post("/lease/", console.lease)])
    runner, url = await serve(hooks)
    env = {
        "CSOC_GATEWAY_SECRET": SECRET,
        "CSOC_AUTH_HOOK": f"{url}/auth/",
        "CSOC_LEASE_HOOK": f"{url}/lease/",
    }
    try:
        async with server("live.gateway", "--port", "PORT", env=env) as one:
            yield one
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def published(one: Server) -> AsyncIterator[Publisher]:
    publisher = Publisher()
    await publisher.start(one.address("whip"), "token-publish", "TRL-0007")
    await until(lambda: publisher.stats.frames > 30)
    try:
        yield publisher
    finally:
        await publisher.stop()


class _Counting:
    """In place of a viewer's jitter buffer: counts packets, decodes nothing."""

    def __init__(self) -> None:
        self.packets = 0

    def add(self, packet: object) -> tuple[bool, None]:
        self.packets += 1
        return False, None


async def cpu_percent(one: Server, viewers: int) -> float:
    """Share of one core the server takes with this many viewers, in percent."""
    watching, sinks = [], []
    for _ in range(viewers):
        viewer, sink = Viewer(), _Counting()
        viewer.transceiver.receiver._RTCRtpReceiver__jitter_buffer = sink  # type: ignore[attr-defined]
        await viewer.open(one)  # type: ignore[arg-type]
        watching.append(viewer)
        sinks.append(sink)
    await until(lambda: all(sink.packets > 20 for sink in sinks), 20)
    before, began = one.cpu_s(), time.monotonic()
    await asyncio.sleep(MEASURE_S)
    used = 100 * (one.cpu_s() - before) / (time.monotonic() - began)
    for viewer in watching:
        await viewer.close()
    await asyncio.sleep(0.3)
    return used


async def first_frames(one: Server) -> list[float]:
    """Milliseconds from the viewer's request to its first decoded picture."""
    times = []
    for _ in range(ROUNDS):
        viewer, began = Viewer(), time.monotonic()
        await viewer.open(one)  # type: ignore[arg-type]
        await viewer.first_frame()
        times.append(1000 * (time.monotonic() - began))
        await viewer.close()
        await asyncio.sleep(0.37)
    return times


async def in_chromium(one: Server) -> tuple[list[float], list[float]]:
    """(request to first frame, glass to glass) in milliseconds, as the board's own player sees them."""
    async with page_server(one.url) as url, browser_page(url) as page:
        firsts = []
        for _ in range(ROUNDS):
            firsts.append(await page.evaluate(f"watch('{PATH}', 'token-read')"))
            await page.evaluate("player.close()")
            await asyncio.sleep(0.37)
        await page.evaluate(f"strips.length = 0; watch('{PATH}', 'token-read')")
        await page.wait_for_function("strips.length > 150", timeout=30_000)
        return firsts, [age for _, age in (await page.evaluate("strips"))[25:]]


async def kicks(one: Server) -> list[float]:
    """Milliseconds from the kick call to the last picture a viewer decodes (0: none after it)."""
    times = []
    for _ in range(ROUNDS):
        viewer = Viewer()
        await viewer.open(one)  # type: ignore[arg-type]
        await until(lambda viewer=viewer: viewer.frames > 10)  # type: ignore[misc]
        headers = {SECRET_HEADER: SECRET}
        async with one.http.get(f"{one.url}/v3/webrtcsessions/list", headers=headers) as answer:
            item = next(i for i in (await answer.json())["items"] if i["state"] == "read")
        began = time.monotonic()
        await one.http.post(f"{one.url}/v3/webrtcsessions/kick/{item['id']}", headers=headers)
        await asyncio.sleep(0.5)
        times.append(max(0.0, 1000 * (viewer.last_frame_at - began)))
        await viewer.close()
    return times


def line(name: str, forwarded: str, default: str = "", ratio: str = "") -> None:
    print(f"{name:<44}{forwarded:>16}{default:>16}{ratio:>10}", flush=True)


def spread(values: list[float]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.0f} / {ordered[int(len(ordered) * 0.95)]:.0f} ms"


async def main() -> None:
    line("", "RTP forwarded", "aiortc default", "ratio")
    async with gateway() as one, published(one):
        idle = await cpu_percent(one, 0)
        forward = {count: await cpu_percent(one, count) for count in FORWARD_VIEWERS}
        first, kick = await first_frames(one), await kicks(one)
        chromium = bool(os.environ.get("CSOC_CHROMIUM") or shutil.which("chromium"))
        seen = await in_chromium(one) if chromium else None
    async with server("bench.transcoding_relay", "PORT", env={}) as other, published(other):
        default_idle = await cpu_percent(other, 0)
        default = {count: await cpu_percent(other, count) for count in TRANSCODE_VIEWERS}
        default_first = await first_frames(other)
    most, few = max(FORWARD_VIEWERS), max(TRANSCODE_VIEWERS)
    each = (forward[most] - idle) / most
    default_each = (default[few] - default_idle) / few
    line("CPU with a stream and no viewer", f"{idle:.1f} %", f"{default_idle:.1f} %")
    for count in FORWARD_VIEWERS:
        beside = f"{default[count]:.1f} %" if count in default else ""
        line(f"CPU with {count} viewer(s)", f"{forward[count]:.1f} %", beside)
    line(f"CPU with {few} viewers", "", f"{default[few]:.1f} %")
    line(
        "CPU for each further viewer",
        f"{each:.2f} %",
        f"{default_each:.1f} %",
        f"{default_each / each:.0f} x",
    )
    line("request -> first frame, p50 / p95", spread(first), spread(default_first))
    line("kick -> last frame, p50 / p95", spread(kick))
    if seen:
        line("Chromium: request -> first frame", spread(seen[0]))
        line("Chromium: glass to glass", spread(seen[1]))


if __name__ == "__main__":
    asyncio.run(main())
