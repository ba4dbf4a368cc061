"""What the machine itself gives, for the head of `bench intake`: nothing of the console is in the way.

An alert's rows, one commit after another; a message to Valkey and back; one frame to each of 200 sockets by
a bare server that stores nothing. The commits of sixteen connections are measured in turns with intake.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
import uuid

import redis

from bench import driving
from bench.floor import Floor, pattern
from bench.push import Arrivals, lasts, watching
from bench.run import Run

COMMITS = 500
MESSAGES = 2000
PER_SECOND = 50
CHANNEL = "csoc-bench"
#: About what one alert weighs on a board's socket, in bytes.
FRAME_BYTES = 900


def measure(run: Run) -> None:
    """All three."""
    commits(run)
    messages(run)
    asyncio.run(sockets(run, 200))


def commits(run: Run) -> None:
    """One connection, one alert's rows a commit."""
    floor = Floor(run.info["database_url"], pattern(run.info, run.speaker), 1)
    times, ids = floor.one_by_one(COMMITS)
    floor.close()
    run.table.limit_times("plain psycopg INSERT of the same rows, 1 connection", times)
    run.table.check(driving.rows(run.info, ids) == COMMITS, "the limit lost a row")


def messages(run: Run) -> None:
    """From publishing to the subscriber, in one process."""
    times = []
    with redis.Redis.from_url(run.info["redis_url"]) as valkey, valkey.pubsub() as heard:
        heard.subscribe(CHANNEL)
        heard.get_message(timeout=5)
        for _ in range(MESSAGES):
            begun = time.perf_counter()
            valkey.publish(CHANNEL, b"x" * FRAME_BYTES)
            run.table.check(heard.get_message(timeout=5) is not None, "Valkey lost a message")
            times.append(time.perf_counter() - begun)
    run.table.limit_times("Valkey: publish -> subscriber", times)


async def sockets(run: Run, count: int) -> None:
    """The same screens at the same rate, from a bare server in this process."""
    writers: list[asyncio.StreamWriter] = []

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
        writers.append(writer)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with watching(url, "", count) as screens:
        sent = await _fan_out(writers, min(run.n, 5 * PER_SECOND))
        arrivals = await screens.arrivals(list(sent))
    server.close()
    _report(run, count, sent, arrivals)


async def _fan_out(writers: list[asyncio.StreamWriter], frames: int) -> dict[str, float]:
    """Write that many frames to everybody; returns when each was begun."""
    sent, start = {}, time.monotonic()
    for number in range(frames):
        await asyncio.sleep(max(0.0, start + number / PER_SECOND - time.monotonic()))
        alert = str(uuid.uuid4())
        sent[alert] = time.monotonic()
        data = frame(alert)
        for writer in writers:
            writer.write(data)
    return sent


def _report(run: Run, count: int, sent: dict[str, float], arrivals: Arrivals) -> None:
    name = f"a bare server that stores nothing: last of {count} sockets"
    run.table.limit_times(name, lasts(sent, arrivals))
    missing = sum(count - len(arrivals[alert]) for alert in sent)
    run.table.check(not missing, f"{name}: {missing} messages are missing")


def frame(alert: str) -> bytes:
    """One text frame of the board's form and weight."""
    value = {"type": "alert", "alert": {"id": alert, "version": 1}, "filler": ""}
    value["filler"] = "x" * (FRAME_BYTES - len(json.dumps(value)))
    payload = json.dumps(value).encode()
    return struct.pack(">BBH", 0x81, 126, len(payload)) + payload
