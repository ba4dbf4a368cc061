"""A link that can be cut: a small TCP proxy between an agent and its console."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit


class Link:
    """Forwards bytes both ways; ``down`` refuses and drops, ``up`` listens again on the same port."""

    def __init__(self, console_url: str) -> None:
        parts = urlsplit(console_url)
        self.target = (str(parts.hostname), int(parts.port or 80))
        self.port = 0
        self.sent = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """The address an agent uses instead of the console's."""
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> None:
        """Let traffic through."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Cut everything, in the middle of whatever is being said."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open.add(far_writer)
        try:
            await asyncio.gather(self._pump(reader, far_writer, True), self._pump(far_reader, writer, False))
        finally:
            for one in (writer, far_writer):
                self._open.discard(one)
                one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, out: bool) -> None:
        try:
            while data := await reader.read(65536):
                self.sent += len(data) if out else 0
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except (OSError, RuntimeError):
            writer.transport.abort()
