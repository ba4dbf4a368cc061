"""`bench push`: from the first byte of a POST to the frame on every open board.

The screens live in a process of their own and share nothing with the sender but the machine's clock.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
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

#: For each alert: when it first arrived, once for each screen that it reached.
Arrivals = dict[str, list[float]]


def last_of_200(run: Run) -> None:
    """The most screens only, for `bench intake`."""
    asyncio.run(_with_screens(run, max(SCREENS)))


def measure(run: Run) -> None:
    """1, 50 and 200 screens, the same rate of alerts."""
    for count in SCREENS:
        asyncio.run(_with_screens(run, count))


async def _with_screens(run: Run, count: int) -> None:
    cookie = await asyncio.to_thread(lambda: run.dispatcher.cookie)
    async with watching(run.info["url"], cookie, count) as screens:
        bodies = [run.speaker.gunshot() for _ in range(run.n)]
        requests = [run.speaker.raw(body) for body in bodies]
        async with Senders(run.info["url"]) as senders:
            answers = await senders.paced(requests, PER_SECOND)
        ids = [body["id"] for body in bodies]
        arrivals = await screens.arrivals(ids)
    sent = {alert: answer.sent for alert, answer in zip(ids, answers, strict=True)}
    report(run, count, sent, arrivals)
    judge(run, f"POST with {count} screens", ids, answers)


def lasts(sent: dict[str, float], arrivals: Arrivals) -> list[float]:
    """For each alert that arrived anywhere: the seconds until its last screen had it."""
    return [max(times) - sent[alert] for alert, times in arrivals.items() if times]


def report(run: Run, count: int, sent: dict[str, float], arrivals: Arrivals) -> None:
    """The lines of one number of screens; a message that is missing on any screen is a failure."""
    every = [at - sent[alert] for alert, times in arrivals.items() for at in times]
    name = f"POST -> WebSocket message, {count} socket{'s' if count > 1 else ''}"
    run.table.times(name, every)
    if count > 1:
        goal = LAST_OF_200 if count == max(SCREENS) else None
        run.table.times(f"POST -> last of {count} sockets at {PER_SECOND}/s", lasts(sent, arrivals), goal)
    wanted = len(sent) * count
    run.table.check(len(every) == wanted, f"{name}: {len(every)} of {wanted} messages arrived")
    run.delivered += len(every)
    run.expected += wanted


class Screens:
    """Open screens in another process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    async def arrivals(self, ids: list[str]) -> Arrivals:
        """Wait until every screen has all of these alerts, or patience ends; then when each arrived."""
        self._pipe.send(ids)
        return await asyncio.to_thread(self._pipe.recv)


@asynccontextmanager
async def watching(url: str, cookie: str, count: int) -> AsyncIterator[Screens]:
    """Keep ``count`` screens open inside the block. Errors: ConnectionError when not all of them open."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=watch, args=(url, cookie, count, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        try:
            await asyncio.to_thread(ours.recv)
        except EOFError:
            raise ConnectionError(f"{count} sockets could not be opened") from None
        yield Screens(ours)
    finally:
        ours.close()
        await asyncio.to_thread(process.join, 20)
        if process.is_alive():
            process.terminate()


# --- the other process ----------------------------------------------------------------------------


def watch(url: str, cookie: str, count: int, pipe: Connection) -> None:
    """Open ``count`` screens, say so, be told which alerts matter, wait for them, tell all arrivals."""
    asyncio.run(_watch(url, cookie, count, pipe))


async def _watch(url: str, cookie: str, count: int, pipe: Connection) -> None:
    heard: dict[str, dict[int, float]] = {}

    def note(screen: int, frame: bytes, at: float) -> None:
        for alert, version in ALERT.findall(frame):
            if version == b"1":
                # Once a screen: a message that came twice must not stand in for one that is missing.
                heard.setdefault(alert.decode(), {}).setdefault(screen, at)

    screens = [await _open(url, cookie, partial(note, number)) for number in range(count)]
    pipe.send(len(screens))
    wanted: list[str] = await asyncio.to_thread(pipe.recv)
    for _ in range(int(PATIENCE_S / 0.1)):
        if all(len(heard.get(alert, ())) >= count for alert in wanted):
            break
        await asyncio.sleep(0.1)
    pipe.send({alert: list(heard.get(alert, {}).values()) for alert in wanted})
    for screen in screens:
        screen.transport.close()


async def _open(url: str, cookie: str, note: Any) -> ScreenProtocol:
    where = urlsplit(url)
    _transport, screen = await asyncio.get_running_loop().create_connection(
        lambda: ScreenProtocol(handshake(url, cookie), note), where.hostname, where.port
    )
    await asyncio.wait_for(screen.open, 20)
    return screen
