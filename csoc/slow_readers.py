"""Readers that do not keep up: they fill no memory.

Twisted keeps whatever a connection has not taken yet, without limit. A screen that is behind by this much
shows old news anyway: it is told to come again, and what is true it fetches with its snapshot
(console-api.md). An answer in pieces (a plate list has up to 200 MB) waits for its reader instead.
"""

import asyncio
import logging
import time
from typing import Any

from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol

log = logging.getLogger(__name__)

#: Of an answer in pieces: the next one is made when no more than this waits. A piece has 64 kB (Django).
MAX_UNSENT_PIECE_BYTES = 65_536
#: Whoever has not taken that much by then is gone, or pretends: 9 kbit/s. A list would never arrive.
TAKEN_WITHIN_S = 60.0
LOOK_AGAIN_S = 0.02
#: About two thousand alerts. A reader on a bad link that is merely slow for a while stays.
MAX_UNSENT_BYTES = 1_000_000
#: RFC 6455's registry: "try again later". Neither board nor agent takes it for a lost right.
TRY_AGAIN = 1013


class BoundedSocket(WebSocketProtocol):  # type: ignore[misc]
    """A socket that is closed when over ``MAX_UNSENT_BYTES`` wait for its reader."""

    def serverSend(self, content: Any, binary: bool = False) -> None:
        """Daphne's hook for each message to the client; one that has to go is sent no more."""
        if unsent_bytes(self.transport) > MAX_UNSENT_BYTES:
            if self.state == self.STATE_OPEN:
                self.sendClose(code=TRY_AGAIN, reason="too slow: connect again, then fetch the snapshot")
            return
        super().serverSend(content, binary)


class PacedServer(Server):  # type: ignore[misc]
    """Daphne's server; its answers in pieces wait for their readers, and end with one who takes nothing."""

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Daphne's hook for each message of an application; that one goes on when this returns."""
        await super().handle_reply(protocol, message)
        if message["type"] == "http.response.body" and message.get("more_body"):
            await self._until_taken(protocol)

    async def _until_taken(self, protocol: Any) -> None:
        until = time.monotonic() + TAKEN_WITHIN_S
        while self._stands(protocol) and unsent_bytes(protocol.transport) > MAX_UNSENT_PIECE_BYTES:
            if time.monotonic() > until:
                log.warning("an answer was cut off: its reader took too little in %.0f s", TAKEN_WITHIN_S)
                # The application is told as of any reader that goes.
                protocol.channel.forceAbortClient()
                return
            await asyncio.sleep(LOOK_AGAIN_S)

    def _stands(self, protocol: Any) -> bool:
        details = self.connections.get(protocol)
        return details is not None and not details.get("disconnected")


def unsent_bytes(transport: Any) -> int:
    """How much of a Twisted transport's output its peer has not taken yet."""
    written = len(getattr(transport, "dataBuffer", b"")) - getattr(transport, "offset", 0)
    return int(written + getattr(transport, "_tempDataLen", 0))
