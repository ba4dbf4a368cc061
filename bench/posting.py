"""Sends signed requests over kept connections at a given rate, or as fast as they are taken.

Requests are signed before the clock runs, so that the sender costs the machine as little as it can. A
signature lives 60 s: sign no more at once than is sent within that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = 16


@dataclass(frozen=True)
class Answer:
    """One request: when it was due or sent, when its answer was whole (``time.monotonic()``), its status."""

    sent: float
    answered: float
    status: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.answered - self.sent


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection that is kept; one request at a time."""

    def __init__(self) -> None:
        self._bytes = b""
        self._answer: asyncio.Future[tuple[float, int]] | None = None
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Finish the request when its answer is whole; our server always announces the length."""
        at = time.monotonic()
        self._bytes += data
        head, end, rest = self._bytes.partition(b"\r\n\r\n")
        if not end or self._answer is None:
            return
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        if len(rest) >= length:
            self._bytes = b""
            self._answer.set_result((at, int(lines[0].split(b" ")[1])))

    def connection_lost(self, error: Exception | None) -> None:
        """A request that waits has failed: status 0."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((time.monotonic(), 0))

    async def ask(self, request: bytes, since: float | None = None) -> Answer:
        """Send and wait for the whole answer; ``since`` counts from an earlier moment.

        On a connection that is gone the request has failed at once: status 0.
        """
        sent = since or time.monotonic()
        if self._transport.is_closing():
            return Answer(sent, time.monotonic(), 0)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        answered, status = await self._answer
        return Answer(sent, answered, status)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


class Senders:
    """A set of kept connections to one console; use as an async context manager."""

    def __init__(self, url: str, count: int = CONNECTIONS) -> None:
        self._where = urlsplit(url)
        self._count = count
        self._all: list[Connection] = []
        self._free: asyncio.Queue[Connection] = asyncio.Queue()

    async def __aenter__(self) -> Senders:
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            _transport, connection = await loop.create_connection(
                Connection, self._where.hostname, self._where.port
            )
            self._all.append(connection)
            self._free.put_nowait(connection)
        return self

    async def __aexit__(self, *details: object) -> None:
        for connection in self._all:
            connection.close()

    async def paced(self, requests: Sequence[bytes], per_second: float) -> list[Answer]:
        """Start one request every 1/``per_second`` s, whether or not the earlier ones are answered.

        Waiting for a free connection counts, so a slow server can't hide behind its own slowness.
        """
        start = time.monotonic() + 0.1
        tasks = []
        for position, request in enumerate(requests):
            await asyncio.sleep(max(0.0, start + position / per_second - time.monotonic()))
            tasks.append(asyncio.create_task(self._one(request, time.monotonic())))
        return list(await asyncio.gather(*tasks))

    async def _one(self, request: bytes, due: float) -> Answer:
        connection = await self._free.get()
        try:
            return await connection.ask(request, due)
        finally:
            self._free.put_nowait(connection)

    async def flat_out(self, requests: Sequence[bytes]) -> tuple[float, list[Answer]]:
        """Keep every connection busy until all are sent; returns the seconds and the answers."""
        waiting = iter(requests)
        answers: list[Answer] = []

        async def work(connection: Connection) -> None:
            for request in waiting:
                answers.append(await connection.ask(request))

        begun = time.monotonic()
        await asyncio.gather(*(work(connection) for connection in self._all))
        return time.monotonic() - begun, answers
