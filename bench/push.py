"""`bench push`: from the first byte of a POST to the frame on every open board.

The screens live in a process of their own and share nothing with the sender but the machine's clock.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from bench.intake import PER_SECOND, judge
from bench.posting import Senders
from bench.run import Run
from bench.screens import ALERT, ScreenProtocol, handshake
from bench.table import Goal

SCREENS = (1, 50, 200)
LAST_OF_200 = Goal(100, 30, 15)
#: How long stragglers may take before they count as lost, in seconds.
PATIENCE_S = 60.0

#: For each alert: every arrival, on any screen.
Arrivals = dict[str, list[float]]


def measure(run: Run) -> None:
    """1, 50 and 200 screens, the same rate of alerts."""
    for count in SCREENS:
        _with_screens(run, count)


def _with_screens(run: Run, count: int) -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=watch, args=(run.info["url"], run.dispatcher.cookie, count, theirs), daemon=True
    )
    process.start()
    theirs.close()
    try:
        opened = ours.recv()
        run.table.check(opened == count, f"only {opened} of {count} sockets opened")
        asyncio.run(_posts(run, count, ours))
    finally:
        ours.close()
        process.join(20)
        if process.is_alive():
            process.terminate()


async def _posts(run: Run, count: int, pipe: Connection) -> None:
    bodies = [run.speaker.gunshot() for _ in range(run.n)]
    requests = [run.speaker.raw(body) for body in bodies]
    async with Senders(run.info["url"]) as senders:
        answers = await senders.paced(requests, PER_SECOND)
    ids = [body["id"] for body in bodies]
    pipe.send(ids)
    arrivals: Arrivals = await asyncio.to_thread(pipe.recv)
    sent = {alert: answer.sent for alert, answer in zip(ids, answers, strict=True)}
    _report(run, count, sent, arrivals)
    judge(run, f"POST with {count} screens", ids, answers)


def _report(run: Run, count: int, sent: dict[str, float], arrivals: Arrivals) -> None:
    every = [at - sent[alert] for alert, times in arrivals.items() for at in times]
    last = [max(times) - sent[alert] for alert, times in arrivals.items() if times]
    name = f"POST -> WebSocket message, {count} socket{'s' if count > 1 else ''}"
    run.table.times(name, every)
    if count > 1:
        run.table.times(
            f"POST -> WebSocket message, last of {count} sockets",
            last,
            LAST_OF_200 if count == max(SCREENS) else None,
        )
    wanted = len(sent) * count
    run.table.check(len(every) == wanted, f"{name}: {len(every)} of {wanted} messages arrived")
    run.delivered += len(every)
    run.expected += wanted


# --- the other process ----------------------------------------------------------------------------


def watch(url: str, cookie: str, count: int, pipe: Connection) -> None:
    """Open ``count`` screens, say so, be told which alerts matter, wait for them, tell all arrivals."""
    asyncio.run(_watch(url, cookie, count, pipe))


async def _watch(url: str, cookie: str, count: int, pipe: Connection) -> None:
    heard: Arrivals = {}

    def note(frame: bytes, at: float) -> None:
        for alert, version in ALERT.findall(frame):
            if version == b"1":
                heard.setdefault(alert.decode(), []).append(at)

    screens = [await _open(url, cookie, note) for _ in range(count)]
    pipe.send(len(screens))
    wanted: list[str] = await asyncio.to_thread(pipe.recv)
    for _ in range(int(PATIENCE_S / 0.1)):
        if all(len(heard.get(alert, ())) >= count for alert in wanted):
            break
        await asyncio.sleep(0.1)
    pipe.send({alert: heard.get(alert, []) for alert in wanted})
    for screen in screens:
        screen.transport.close()


async def _open(url: str, cookie: str, note: Any) -> ScreenProtocol:
    where = urlsplit(url)
    _transport, screen = await asyncio.get_running_loop().create_connection(
        lambda: ScreenProtocol(handshake(url, cookie), note), where.hostname, where.port
    )
    await asyncio.wait_for(screen.open, 20)
    return screen
