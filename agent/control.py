"""A tiny loopback HTTP server for the simulator's control port: two routes, JSON in and out, one request
each."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

log = logging.getLogger("agent.control")

MAX_BODY = 4096
MAX_HEAD = 8192
READ_TIMEOUT_S = 5.0

Reply = tuple[int, Any]
Handler = Callable[[str, str, bytes], Awaitable[Reply]]


class BadRequest(Exception):
    """The request can't be read; ``args[0]`` is the status."""


async def serve(port: int, handler: Handler) -> asyncio.Server:
    """Listen on 127.0.0.1 only; ``handler(method, path, body)`` returns a status and a JSON value."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            status, value = await _answer(reader, handler)
            _write(writer, status, value)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            log.debug("a control connection went away")
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    return await asyncio.start_server(connected, "127.0.0.1", port, limit=MAX_HEAD)


async def _answer(reader: asyncio.StreamReader, handler: Handler) -> Reply:
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            method, path, body = await _read(reader)
    except BadRequest as error:
        return int(error.args[0]), {"code": "bad-request"}
    try:
        return await handler(method, path, body)
    except Exception:
        log.exception("control request failed")
        return 500, {"code": "error"}


async def _read(reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.LimitOverrunError:
        raise BadRequest(431) from None
    words = head[0].split(" ")
    headers = dict(line.lower().split(":", 1) for line in head[1:] if ":" in line)
    length = headers.get("content-length", "0").strip()
    # A page of another site can post text without asking; JSON it may not.
    if words[0] == "POST" and headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise BadRequest(415)
    if len(words) != 3 or not length.isdigit() or "transfer-encoding" in headers:
        raise BadRequest(400)
    if int(length) > MAX_BODY:
        raise BadRequest(413)
    return words[0], words[1].partition("?")[0], await reader.readexactly(int(length))


def _write(writer: asyncio.StreamWriter, status: int, value: Any) -> None:
    body = json.dumps(value).encode()
    phrase = HTTPStatus(status).phrase
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
