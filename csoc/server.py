"""The web process: daphne, with bodies kept in memory and bounded before Django sees them.

Twisted writes bodies of 100 kB and more, or of unknown length, to a temporary file before any check
runs. A refused clip or plate must never touch the disk (H7), so every body stays in memory and is
cut off at its route's limit, whatever its headers say.

A consent document has several megabytes, a clip one. All of a kind together, from the first byte until the
application is done with them, are at most ``MAX_DOCUMENTS_BYTES`` and ``MAX_CLIPS_BYTES`` in a process;
Django and daphne hold three copies of each for moments, so 220 MB and 80 MB in the worst case.

Run: ``python -m csoc.server --port 8000 [--host 127.0.0.1] [--share | --fd N]``
"""

import argparse
import gc
import io
import os
import re
import socket
from typing import Any, ClassVar, NamedTuple

import daphne.http_protocol
import daphne.ws_protocol
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings
from django.http.cookie import parse_cookie
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy
from twisted.internet import reactor

from csoc.slow_readers import BoundedSocket

#: The one route whose bodies may be long (a trailer's catch-up), and everybody else's limit: a hundred
#: strangers may not fill the memory before any check runs.
LONG_BODIES = b"/api/v1/alerts/bulk/"
MAX_LONG_BODY_BYTES = 1_100_000
MAX_BODY_BYTES = 131_072
#: People's one upload; the document itself may have 5 MB (deployments/looking.py).
DOCUMENTS = re.compile(rb"/deployments/[A-Za-z0-9.-]{1,40}/consent/document/")
MAX_DOCUMENT_BODY_BYTES = 5_500_000
MAX_DOCUMENTS_BYTES = 55_000_000
#: Whoever sends one so slowly keeps a place from others.
DOCUMENT_WITHIN_S = 120
#: A trailer's clip of a shot: 10 s at 48 kHz. Its crop of a plate is within everybody's limit.
CLIPS = re.compile(rb"/api/v1/alerts/[0-9A-Fa-f-]{36}/clip")
MAX_CLIP_BODY_BYTES = 960_044
MAX_CLIPS_BYTES = 20_000_000
#: 1 MB at 130 kbit/s; a slower trailer's clip does not come.
CLIP_WITHIN_S = 60
MAX_SOCKET_MESSAGE_BYTES = 65_536
TOO_LARGE = (
    b'{"type":"/problems/too-large","title":"too large","status":413,'
    b'"detail":"The body is larger than any route takes."}'
)
BUSY = (
    b'{"type":"/problems/unavailable","title":"unavailable","status":503,'
    b'"detail":"Too many large bodies are being sent. Try again in a moment."}'
)
RETRY_AFTER_S = b"2"
#: The same in words, for the page of a browser.
_SENTENCES = {
    413: gettext_lazy(
        "It has more than 5 MB. Scan the signed consent in black and white or with a lower resolution, "
        "and upload that."
    ),
    503: gettext_lazy("Too many documents are being sent at the same time. Try again in a moment."),
}
#: Django's middleware is not around this page.
_PAGE_HEADERS = {
    b"Content-Security-Policy": b"default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; "
    b"script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"X-Content-Type-Options": b"nosniff",
    b"Cache-Control": b"no-store",
}


class Large(NamedTuple):
    """What a route of large bodies takes: bytes of one, bytes of all together, seconds for one."""

    kind: str
    each: int
    together: int
    within_s: int


def _large(method: bytes, path: bytes) -> Large | None:
    """Return the limits of a route that takes large bodies, None for every other."""
    if method == b"POST" and DOCUMENTS.fullmatch(path):
        return Large("document", MAX_DOCUMENT_BODY_BYTES, MAX_DOCUMENTS_BYTES, DOCUMENT_WITHIN_S)
    if method == b"PUT" and CLIPS.fullmatch(path):
        return Large("clip", MAX_CLIP_BODY_BYTES, MAX_CLIPS_BYTES, CLIP_WITHIN_S)
    return None


class BoundedRequest(daphne.http_protocol.WebRequest):  # type: ignore[misc]
    """A request whose body lives in memory and never grows past its route's limit."""

    #: What large bodies of each kind take up now, in this process; all on the reactor's thread.
    taken: ClassVar[dict[str, int]] = {}

    def gotLength(self, length: int | None) -> None:
        """Twisted's hook once the headers are read; ``length`` None means chunked."""
        self.content = io.BytesIO()
        self._body_bytes = 0
        self._refusal = 0
        self._reserved = 0
        self._handed_over = False
        self._deadline: Any = None
        # The channel knows the request line by now, the request itself learns it after the body.
        path = self._path = bytes(getattr(self.channel, "_path", LONG_BODIES)).partition(b"?")[0]
        self._large = _large(getattr(self.channel, "_command", b""), path)
        self._limit = MAX_LONG_BODY_BYTES if path == LONG_BODIES else MAX_BODY_BYTES
        if self._large is not None:
            self._limit = self._large.each
        self._refuse_over(length or 0)
        if self._large is not None and not self._refusal:
            self._reserve(self._large, self._large.each if length is None else length)

    def handleContentChunk(self, data: bytes) -> None:
        """Twisted's hook for each piece of body."""
        self._body_bytes += len(data)
        self._refuse_over(self._body_bytes)
        if not self._refusal:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Twisted's hook once the body is there. It would parse forms itself, and answer a broken one with a
        bare 400; it leaves a body alone whose end it believes to be its beginning.
        """
        self.content.seek(0)
        self._stop_deadline()
        super().requestReceived(command, path, version)

    def _refuse_over(self, count: int) -> None:
        if count > self._limit and not self._refusal:
            self._refuse(413)

    def _refuse(self, status: int) -> None:
        self._refusal = status
        self.content = io.BytesIO()
        self._free()

    def _reserve(self, large: Large, count: int) -> None:
        taken = self.taken.get(large.kind, 0) + count
        if taken > large.together:
            self._refuse(503)
            return
        self.taken[large.kind] = taken
        self._reserved = count
        clock: Any = reactor
        self._deadline = clock.callLater(large.within_s, self.channel.forceAbortClient)

    def _free(self, *_done: Any) -> None:
        """Give the room of a large body back. Idempotent."""
        if self._large is not None and self._reserved:
            self.taken[self._large.kind] -= self._reserved
        self._reserved = 0
        self._stop_deadline()

    def _stop_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def connectionLost(self, reason: Any) -> None:
        """Twisted's hook: a body that the application never got takes no room any more."""
        if not getattr(self, "_handed_over", True):
            self._free()
        super().connectionLost(reason)

    def process(self) -> Any:
        """Answer without Django when the body was too large, or one of the large ones too many."""
        if not self._refusal:
            handed = super().process()
            self._free_when_done()
            return handed
        body, headers = self._answer()
        channel = self.channel
        self.setResponseCode(self._refusal)
        for name, value in headers.items():
            self.setHeader(name, value)
        self.setHeader(b"Content-Length", str(len(body)).encode())
        self.setHeader(b"Connection", b"close")
        self.write(body)
        self.finish()
        channel.loseConnection()
        return None

    def _free_when_done(self) -> None:
        """The application has the body now: its room is free when the application has ended."""
        if not self._reserved:
            return
        task = self.server.connections.get(self, {}).get("application_instance")
        if task is None:
            self._free()
            return
        self._handed_over = True
        task.add_done_callback(self._free)

    def _answer(self) -> tuple[bytes, dict[bytes, bytes]]:
        accepted = b",".join(self.requestHeaders.getRawHeaders(b"accept", []))
        if self._large is not None and self._large.kind == "document" and b"text/html" in accepted:
            return self._page(), {b"Content-Type": b"text/html; charset=utf-8"} | _PAGE_HEADERS
        told = {b"Content-Type": b"application/problem+json"}
        return (TOO_LARGE, told) if self._refusal == 413 else (BUSY, told | {b"Retry-After": RETRY_AFTER_S})

    def _page(self) -> bytes:
        """Return the console's own page of what was not uploaded, with the way back to the form."""
        cookies = b";".join(self.requestHeaders.getRawHeaders(b"cookie", [])).decode("latin-1")
        shown = {
            "sentence": _SENTENCES[self._refusal],
            "back": self._path.removesuffix(b"document/").decode("ascii"),
            "request": {"COOKIES": parse_cookie(cookies)},
            "local_time_zone": settings.LOCAL_TIME_ZONE,
        }
        return render_to_string("deployments/not_uploaded.html", shown).encode()


def _settle_garbage() -> None:
    """Move start-up objects out of the collector's way: full collections were the p99 of intake."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _no_access_log(_factory: Any, _request: Any) -> None:
    """Twisted would write a line of each request, address and all, for a log that nobody keeps."""


def _shared(host: str, port: int) -> socket.socket:
    """Listen on a port that other processes of this user listen on too; the kernel deals connections out."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((host, port))
    listening.listen(128)
    return listening


def main() -> None:
    """Parse the command line and serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--fd", type=int, default=None, help="an already listening socket to share")
    parser.add_argument("--share", action="store_true", help="others listen on the same port")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csoc.settings")

    from audit.checks import refuse_unsafe_role
    from csoc.asgi import application

    refuse_unsafe_role()
    daphne.http_protocol.WebRequest = BoundedRequest
    daphne.http_protocol.HTTPFactory.log = _no_access_log
    daphne.ws_protocol.WebSocketFactory.protocol = BoundedSocket
    shared = _shared(options.host, options.port) if options.share else None
    fd = options.fd if shared is None else shared.fileno()
    endpoints = (
        build_endpoint_description_strings(host=options.host, port=options.port)
        if fd is None
        else build_endpoint_description_strings(file_descriptor=fd)
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
