"""Sockets whose reader does not keep up: closed before they fill the memory.

Twisted keeps whatever a socket has not taken yet, without limit. A screen that is behind by this much shows
old news anyway: it is told to come again, and what is true it fetches with its snapshot (console-api.md).
"""

from typing import Any

from daphne.ws_protocol import WebSocketProtocol

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


def unsent_bytes(transport: Any) -> int:
    """How much of a Twisted transport's output its peer has not taken yet."""
    written = len(getattr(transport, "dataBuffer", b"")) - getattr(transport, "offset", 0)
    return int(written + getattr(transport, "_tempDataLen", 0))
