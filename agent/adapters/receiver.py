"""Where vendors' readers on the trailer's own network hand in what they read: one port, one path per vendor.

``POST /<vendor>`` with the vendor's own secret as ``Authorization: Bearer`` or ``Token``, as the password of
``Authorization: Basic``, as ``X-API-Key``, or, for a device that knows only an address, as ``?key=``. It
listens on loopback unless told otherwise, holds one body a connection in memory, and writes nothing anywhere.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import parse_qs

from agent.adapters import axis, flock, hikvision, plate_recognizer, rekor, verkada
from agent.adapters.picking import Malformed
from agent.clock import AgentClock
from agent.ports import OnRead, PlateRead

log = logging.getLogger("agent.adapters")

Adapter = Callable[[bytes, str], list[PlateRead]]
VENDORS: dict[str, Adapter] = {
    "rekor": rekor.read,
    "plate-recognizer": plate_recognizer.read,
    "axis": axis.read,
    "hikvision": hikvision.read,
    "verkada": verkada.read,
    "flock": flock.read,
}
MAX_BODY = 4 * 1024 * 1024
MAX_HEAD = 8192
READ_TIMEOUT_S = 10.0
MOST_CONNECTIONS = 16
SECRET_MIN = 16
#: How long to wait before an address that could not be had is tried again.
RETRY_S = 30.0
#: A reader that was cut off hands in later what it read; a car that passed then is not here now.
STALE = timedelta(minutes=5)


class Refused(Exception):
    """The request is not taken; ``args[0]`` is its status, ``args[1]`` a code."""


@dataclass(frozen=True)
class Listening:
    """Where the receiver listens, and the secret of each vendor that may hand in; port 0 takes a free one."""

    address: str
    port: int
    secrets: Mapping[str, str] = field(repr=False)


@dataclass
class Receiver:
    """Takes reads from the vendors that have a secret. ``taken`` counts by vendor and outcome, and no more.

    ``sensing`` False: bodies are thrown away unread. A read older than 5 minutes is thrown away as well.
    While it runs, ``heard_at`` is the address and port where it listens; ``deaf`` tells that it could not.
    """

    secrets: Mapping[str, str]
    on_read: OnRead
    sensing: Callable[[], bool]
    clock: AgentClock
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    heard_at: tuple[str, int] | None = field(default=None, init=False)
    deaf: bool = field(default=False, init=False)
    _open: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        unknown = set(self.secrets) - set(VENDORS)
        if unknown or any(len(secret) < SECRET_MIN for secret in self.secrets.values()):
            raise ValueError(f"a secret of {SECRET_MIN} signs or more for one of {sorted(VENDORS)} each")

    async def run(self, place: Listening) -> None:
        """Listen until cancelled, and let go of every connection then.

        An address that is not there yet, or taken, is tried again: a trailer whose network comes up late, or
        whose port somebody else has, goes on listening for shots meanwhile.
        """
        while True:
            try:
                server = await self.serve(place.port, place.address)
                break
            except OSError as error:
                self.deaf = True
                log.error(
                    "no plate reader can reach %s port %s: %s", place.address, place.port, error.strerror
                )
                await asyncio.sleep(RETRY_S)
        self.deaf = False
        address, port = server.sockets[0].getsockname()[:2]
        self.heard_at = address, port
        log.info("plate readers of %s hand in at %s port %s", ", ".join(sorted(self.secrets)), address, port)
        try:
            await asyncio.Event().wait()
        finally:
            self.heard_at = None
            server.close()
            handing = list(self._open)
            for task in handing:
                task.cancel()
            await asyncio.gather(*handing, return_exceptions=True)

    async def serve(self, port: int, host: str = "127.0.0.1") -> asyncio.Server:
        """Listen; port 0 takes a free one."""
        return await asyncio.start_server(self._connected, host, port, limit=MAX_HEAD)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        try:
            if len(self._open) > MOST_CONNECTIONS:
                raise Refused(503, "busy")
            async with asyncio.timeout(READ_TIMEOUT_S):
                vendor, content_type, body = await self._read(reader, writer)
            _write(writer, 200, {"reads": await self.take(vendor, content_type, body)})
        except Refused as refused:
            _write(writer, int(refused.args[0]), {"code": refused.args[1]})
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            log.debug("a reader's connection went away")
        finally:
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(READ_TIMEOUT_S):
                    await writer.drain()
            writer.close()

    async def take(self, vendor: str, content_type: str, body: bytes) -> int:
        """Hand over the fresh reads of one body and return how many there were; raises ``Refused`` 422."""
        if not self.sensing():
            self.taken[vendor, "off"] += 1
            return 0
        try:
            reads = VENDORS[vendor](body, content_type)
        except Malformed as error:
            self.taken[vendor, "malformed"] += 1
            raise Refused(422, "malformed") from error
        fresh = [read for read in reads if self._fresh(read)]
        for read in fresh:
            await self.on_read(read)
        self.taken[vendor, "read"] += len(fresh)
        self.taken[vendor, "stale"] += len(reads) - len(fresh)
        return len(fresh)

    def _fresh(self, read: PlateRead) -> bool:
        return read.read_at is None or abs(self.clock.now() - read.read_at) <= STALE

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, str, bytes]:
        """Read one request; who it is from is known before a byte of its body is read."""
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.LimitOverrunError:
            raise Refused(431, "head-too-large") from None
        words = lines[0].split(" ")
        if len(words) != 3:
            raise Refused(400, "bad-request")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines[1:])
        }
        path, _, query = words[1].partition("?")
        vendor = path.strip("/")
        if vendor not in VENDORS or vendor not in self.secrets:
            raise Refused(404, "not-found")
        if not _knows(self.secrets[vendor], headers, query):
            self.taken[vendor, "unauthorized"] += 1
            raise Refused(401, "unauthorized")
        if words[0] != "POST":
            raise Refused(405, "method-not-allowed")
        length = headers.get("content-length", "")
        if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
            raise Refused(411, "length-required")
        if int(length[:12]) > MAX_BODY:
            raise Refused(413, "too-large")
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return vendor, headers.get("content-type", ""), await reader.readexactly(int(length))


def _knows(secret: str, headers: Mapping[str, str], query: str) -> bool:
    """Tell whether the request shows the vendor's secret, compared in constant time."""
    scheme, _, told = headers.get("authorization", "").partition(" ")
    shown = [headers.get("x-api-key", ""), *parse_qs(query, max_num_fields=8).get("key", [])[:1]]
    if scheme.lower() in ("bearer", "token"):
        shown.append(told.strip())
    elif scheme.lower() == "basic":
        with suppress(binascii.Error, ValueError):
            shown.append(base64.b64decode(told, validate=True).decode("latin-1").partition(":")[2])
    return any(hmac.compare_digest(one.encode(), secret.encode()) for one in shown if one)


def _write(writer: asyncio.StreamWriter, status: int, value: object) -> None:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
