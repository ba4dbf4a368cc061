"""Board sockets without a library: what arrived, and when, at very little cost to the machine under test.

A screen here only notes each alert's id, version and arrival, and answers pings as RFC 6455 asks.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
ALERT = re.compile(rb'"alert": ?\{"id": ?"([0-9a-f-]{36})", ?"version": ?(\d+)')

Heard = Callable[[bytes, float], None]


def handshake(url: str, cookie: str) -> bytes:
    """Return the upgrade request for the board's socket."""
    where = urlsplit(url).netloc
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET /ws/live/ HTTP/1.1", f"Host: {where}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Origin: {url}", f"Cookie: {cookie}",
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def client_frame(opcode: int, payload: bytes) -> bytes:
    """Return one masked frame of at most 125 bytes."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked


class Frames:
    """Cuts a stream of bytes into server frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the whole frames (opcode, payload) that are there now."""
        self._bytes += data
        found = []
        while (cut := self._cut()) is not None:
            found.append(cut)
        return found

    def _cut(self) -> tuple[int, bytes] | None:
        held = self._bytes
        if len(held) < 2:
            return None
        length, start = held[1] & 0x7F, 2
        if length >= 126:
            size, form = (2, ">H") if length == 126 else (8, ">Q")
            if len(held) < 2 + size:
                return None
            length, start = struct.unpack(form, held[2 : 2 + size])[0], 2 + size
        if len(held) < start + length:
            return None
        frame = held[0] & 0x0F, bytes(held[start : start + length])
        del held[: start + length]
        return frame


class ScreenProtocol(asyncio.Protocol):
    """One socket on an event loop; ``heard`` is called with each text frame and its time of arrival."""

    def __init__(self, request: bytes, heard: Heard) -> None:
        self._request, self._heard = request, heard
        self._head: bytes | None = b""
        self._frames = Frames()
        self.transport: Any = None
        self.open = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Ask for the upgrade."""
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note the time first, then look."""
        at = time.monotonic()
        if self._head is not None:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = None
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.open.set_exception(ConnectionError(head.split(b"\r\n")[0].decode()))
                return
            self.open.set_result(None)
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT:
                self._heard(payload, at)
            elif opcode == PING:
                self.transport.write(client_frame(PONG, payload))

    def connection_lost(self, error: Exception | None) -> None:
        """Say so to whoever waits."""
        if not self.open.done():
            self.open.set_exception(ConnectionError("closed before the upgrade"))


class Screen:
    """One blocking socket with a thread of its own, for tests: every frame, parsed, with its arrival."""

    def __init__(self, url: str, cookie: str) -> None:
        self.frames: list[tuple[float, dict[str, Any]]] = []
        self.ended = threading.Event()
        where = urlsplit(url)
        self._socket = socket.create_connection((where.hostname, where.port), timeout=30)
        self._socket.sendall(handshake(url, cookie))
        rest = self._upgraded()
        self._thread = threading.Thread(target=self._read, args=(rest,), daemon=True)
        self._thread.start()

    def _upgraded(self) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            more = self._socket.recv(65_536)
            if not more:
                raise ConnectionError("closed before the upgrade")
            head += more
        head, _end, rest = head.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.split(b"\r\n")[0].decode())
        return rest

    def _read(self, data: bytes) -> None:
        frames = Frames()
        self._socket.settimeout(None)
        try:
            while True:
                at = time.monotonic()
                for opcode, payload in frames.feed(data):
                    if opcode == TEXT:
                        self.frames.append((at, json.loads(payload)))
                    elif opcode == PING:
                        self._socket.sendall(client_frame(PONG, payload))
                data = self._socket.recv(65_536)
                if not data:
                    break
        except OSError:
            pass
        self.ended.set()

    def alerts(self, alert: str) -> list[dict[str, Any]]:
        """Every push of one alert so far."""
        found = [frame for _at, frame in list(self.frames) if frame["type"] == "alert"]
        return [frame["alert"] for frame in found if frame["alert"]["id"] == alert]

    def digests(self, since: float = 0.0) -> list[tuple[float, str]]:
        """(arrival, digest) of every heartbeat since a moment of ``time.monotonic()``."""
        beats = [(at, frame) for at, frame in list(self.frames) if frame["type"] == "heartbeat"]
        return [(at, frame["digest"]) for at, frame in beats if at >= since]

    def close(self) -> None:
        """Leave."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()
