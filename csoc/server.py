"""The web process: daphne, with bodies kept in memory and bounded before Django sees them.

Twisted writes bodies of 100 kB and more, or of unknown length, to a temporary file before any check
runs. A refused clip or plate must never touch the disk (H7), so every body stays in memory and is
cut off at its route's limit, whatever its headers say.

A consent document has several megabytes, a clip or a catch-up one. What has come of all of a kind together,
until the application is done with it, has a bound in a process (``Large.together``), and each a deadline.
Django and daphne hold three copies of each for moments, so in the worst case documents take 220 MB, clips 80,
catch-ups 88, and what no trailer signed 40.

Clips and catch-ups are signed, and a signature covers headers alone: it is looked at before the body is read
on. What nobody signed has a small room of its own, so no stranger takes the trailers' room. Whether the
signature is fresh and the body is the signed one, the application asks as ever.

Run: ``python -m csoc.server --port 8000 [--host 127.0.0.1] [--alone PORT | --fd N]``
"""

import argparse
import asyncio
import gc
import io
import logging
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, NamedTuple

import daphne.http_protocol
import daphne.ws_protocol
from daphne.endpoints import build_endpoint_description_strings
from django.conf import settings
from django.http.cookie import parse_cookie
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy

from csoc.slow_readers import BoundedSocket, PacedServer

log = logging.getLogger(__name__)

#: Everybody's limit: a hundred strangers may not fill the memory before any check runs. A body of a large
#: route that says it is no longer than this needs no room: a usual catch-up of a hundred alerts, a crop.
MAX_BODY_BYTES = 131_072
#: A trailer's catch-up after a lost link: the contract's 1 MB, and twenty of the longest at once.
BULKS = re.compile(rb"/api/v1/alerts/bulk/")
MAX_BULK_BODY_BYTES = 1_100_000
MAX_BULKS_BYTES = 22_000_000
#: A signature lives for 60 s and may be 30 s off: what comes later is refused anyhow. 1 MB at 90 kbit/s;
#: whoever is slower has shorter ones, or is cut off and sends again, as after any lost link.
BULK_WITHIN_S = 90
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
#: What no trailer's key signed. It is still read to its end, for the answer that the contract's order of
#: checks gives: a trailer whose clock is wrong learns the time so.
MAX_STRANGERS_BYTES = 10_000_000
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
    """What a route of large bodies takes: bytes of one, bytes of all together, seconds for one, and whether
    trailers sign them."""

    kind: str
    each: int
    together: int
    within_s: int
    signed: bool = True


def _large(method: bytes, path: bytes) -> Large | None:
    """Return the limits of a route that takes large bodies, None for every other."""
    if method == b"POST" and DOCUMENTS.fullmatch(path):
        return Large("document", MAX_DOCUMENT_BODY_BYTES, MAX_DOCUMENTS_BYTES, DOCUMENT_WITHIN_S, False)
    if method == b"PUT" and CLIPS.fullmatch(path):
        return Large("clip", MAX_CLIP_BODY_BYTES, MAX_CLIPS_BYTES, CLIP_WITHIN_S)
    if method == b"POST" and BULKS.fullmatch(path):
        return Large("bulk", MAX_BULK_BODY_BYTES, MAX_BULKS_BYTES, BULK_WITHIN_S)
    return None


#: Looks at signatures. Whoever waits here holds no more than what came with the headers.
_looking = ThreadPoolExecutor(2, thread_name_prefix="signature")


def _is_signed(method: bytes, target: bytes, headers: dict[str, str]) -> bool:
    """Whether a trailer's signature holds for these headers (lower case names)."""
    from csoc.handler import give_back

    try:
        from trailers.doors import public_authority
        from trailers.signatures import Message, holds

        path, _mark, query = target.decode("latin-1").partition("?")
        return holds(Message(method.decode("latin-1"), public_authority(), path, query, headers))
    except Exception as error:  # no database, say: then it waits with the strangers, and is answered
        log.warning("the signature of a large body could not be looked at: %s", type(error).__name__)
        return False
    finally:
        give_back()


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
        self._room: tuple[str, int] | None = None
        self._whole = self._handed_over = False
        self._deadline: asyncio.TimerHandle | None = None
        # The channel knows the request line by now, the request itself learns it after the body.
        method = bytes(getattr(self.channel, "_command", b""))
        target = bytes(getattr(self.channel, "_path", b""))
        path = self._path = target.partition(b"?")[0]
        self._large = _large(method, path)
        self._limit = self._large.each if self._large is not None else MAX_BODY_BYTES
        self._refuse_over(length or 0)
        if self._large is not None and not self._refusal and (length is None or length > MAX_BODY_BYTES):
            self._expect(self._large, method, target)

    def _expect(self, large: Large, method: bytes, target: bytes) -> None:
        """A large body begins: it has a deadline, and a room once it is known whose it is."""
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(large.within_s, self.channel.forceAbortClient)
        if not large.signed:
            self._room = (large.kind, large.together)
            return
        headers = {
            name.decode("latin-1").lower(): b",".join(values).decode("latin-1")
            for name, values in self.requestHeaders.getAllRawHeaders()
        }
        self.channel._networkProducer.pauseProducing()
        looking = loop.run_in_executor(_looking, _is_signed, method, target, headers)
        looking.add_done_callback(self._known)

    def _known(self, looked: "asyncio.Future[bool]") -> None:
        """It is known whether a trailer signed: read on, in the room that this opens."""
        channel, large = getattr(self, "channel", None), self._large
        if channel is None or large is None:
            return
        if not self._whole and not self._refusal:
            signed = not looked.cancelled() and looked.result()
            self._room = (large.kind, large.together) if signed else ("stranger", MAX_STRANGERS_BYTES)
            self._take(self._body_bytes)
        channel._networkProducer.resumeProducing()

    def handleContentChunk(self, data: bytes) -> None:
        """Twisted's hook for each piece of body."""
        self._body_bytes += len(data)
        self._refuse_over(self._body_bytes)
        self._take(len(data))
        if not self._refusal:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Twisted's hook once the body is there. It would parse forms itself, and answer a broken one with a
        bare 400; it leaves a body alone whose end it believes to be its beginning.
        """
        self.content.seek(0)
        self._whole = True
        self._stop_deadline()
        super().requestReceived(command, path, version)

    def _refuse_over(self, count: int) -> None:
        if count > self._limit and not self._refusal:
            self._refuse(413)

    def _refuse(self, status: int) -> None:
        """Keep nothing of it; its deadline stays, so that nobody is refused for ever."""
        self._refusal = status
        self.content = io.BytesIO()
        self._give_room_back()

    def _take(self, count: int) -> None:
        """Take room for what has come, and only for that: a length that is merely promised takes none."""
        if self._room is None or self._refusal:
            return
        kind, together = self._room
        if self.taken.get(kind, 0) + count > together:
            self._refuse(503)
            return
        self.taken[kind] = self.taken.get(kind, 0) + count
        self._reserved += count

    def _give_room_back(self) -> None:
        if self._room is not None:
            self.taken[self._room[0]] = self.taken.get(self._room[0], 0) - self._reserved
        self._reserved = 0

    def _free(self, *_done: Any) -> None:
        """Give the room of a large body back, and forget its deadline. Idempotent."""
        self._give_room_back()
        self._stop_deadline()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
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
    parser.add_argument("--alone", type=int, metavar="PORT", help="others share --port; this one is its own")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csoc.settings")

    from audit.checks import refuse_unsafe_role
    from csoc.asgi import application

    refuse_unsafe_role()
    daphne.http_protocol.WebRequest = BoundedRequest
    daphne.http_protocol.HTTPFactory.log = _no_access_log
    daphne.ws_protocol.WebSocketFactory.protocol = BoundedSocket
    shared = _shared(options.host, options.port) if options.alone else None
    fd = options.fd if shared is None else shared.fileno()
    endpoints = build_endpoint_description_strings(
        host=options.host if shared or fd is None else None,
        port=options.alone if shared else options.port if fd is None else None,
        file_descriptor=fd,
    )
    _settle_garbage()
    PacedServer(
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
