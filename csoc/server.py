"""The web process: daphne, with bodies kept in memory and bounded before Django sees them.

Twisted writes bodies of 100 kB and more, or of unknown length, to a temporary file before any check
runs. A refused clip or plate must never touch the disk (H7), so every body stays in memory and is
cut off at its route's limit, whatever its headers say.

Run: ``python -m csoc.server --port 8000 [--host 127.0.0.1] [--fd N]``
"""

import argparse
import gc
import io
import os
from typing import Any

import daphne.http_protocol
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server

#: The one route whose bodies may be long (a trailer's catch-up), and everybody else's limit: a hundred
#: strangers may not fill the memory before any check runs.
LONG_BODIES = b"/api/v1/alerts/bulk/"
MAX_LONG_BODY_BYTES = 1_100_000
MAX_BODY_BYTES = 131_072
MAX_SOCKET_MESSAGE_BYTES = 65_536
TOO_LARGE = (
    b'{"type":"/problems/too-large","title":"too large","status":413,'
    b'"detail":"The body is larger than any route takes."}'
)


class BoundedRequest(daphne.http_protocol.WebRequest):  # type: ignore[misc]
    """A request whose body lives in memory and never grows past its route's limit."""

    def gotLength(self, length: int | None) -> None:
        """Twisted's hook once the headers are read; ``length`` None means chunked."""
        self.content = io.BytesIO()
        self._body_bytes = 0
        self._body_refused = False
        # The channel knows the request line by now, the request itself learns it after the body.
        path = bytes(getattr(self.channel, "_path", LONG_BODIES)).partition(b"?")[0]
        self._limit = MAX_LONG_BODY_BYTES if path == LONG_BODIES else MAX_BODY_BYTES
        self._refuse_over(length or 0)

    def handleContentChunk(self, data: bytes) -> None:
        """Twisted's hook for each piece of body."""
        self._body_bytes += len(data)
        self._refuse_over(self._body_bytes)
        if not self._body_refused:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Twisted's hook once the body is there. It would parse forms itself, and answer a broken one with a
        bare 400; it leaves a body alone whose end it believes to be its beginning.
        """
        self.content.seek(0)
        super().requestReceived(command, path, version)

    def _refuse_over(self, count: int) -> None:
        if count <= self._limit or self._body_refused:
            return
        self._body_refused = True
        self.content = io.BytesIO()

    def process(self) -> Any:
        """Answer 413 without Django when the body was too large."""
        if not self._body_refused:
            return super().process()
        body, channel = TOO_LARGE, self.channel
        self.setResponseCode(413)
        self.setHeader(b"Content-Type", b"application/problem+json")
        self.setHeader(b"Content-Length", str(len(body)).encode())
        self.setHeader(b"Connection", b"close")
        self.write(body)
        self.finish()
        channel.loseConnection()
        return None


def _settle_garbage() -> None:
    """Move start-up objects out of the collector's way: full collections were the p99 of intake."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def main() -> None:
    """Parse the command line and serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--fd", type=int, default=None, help="an already listening socket to share")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csoc.settings")

    from audit.checks import refuse_unsafe_role
    from csoc.asgi import application

    refuse_unsafe_role()
    daphne.http_protocol.WebRequest = BoundedRequest
    where = {"file_descriptor": options.fd} if options.fd is not None else vars(options)
    endpoints = build_endpoint_description_strings(
        host=where.get("host"), port=where.get("port"), file_descriptor=where.get("file_descriptor")
    )
    _settle_garbage()
    Server(
        application,
        endpoints=endpoints,
        ping_interval=5,
        ping_timeout=10,
        websocket_timeout=-1,
        websocket_max_message_size=MAX_SOCKET_MESSAGE_BYTES,
        websocket_max_frame_size=MAX_SOCKET_MESSAGE_BYTES,
        server_name="csoc",
        verbosity=0,
    ).run()


if __name__ == "__main__":
    main()
