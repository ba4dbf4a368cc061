"""Speaks tlog-witness to a witness that nobody here runs: one bounded request, one bounded answer.

A witness is a stranger: it may be slow, send without end, redirect us somewhere else or lie. So an answer
has one deadline for everything, a largest size, no redirects and no proxy; its words are data.
"""

import http.client
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

DEADLINE_S = 5.0
MAX_ANSWER_BYTES = 65_536
#: These words in the list let a witness be asked without TLS beyond this machine (a closed network).
PLAIN = "plain http"


class Unreachable(Exception):
    """No answer that could be judged. ``code`` and ``sentence`` say why."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness said: HTTP status, content type and body (UTF-8, at most 64 KiB)."""

    status: int
    kind: str
    body: str


def add_checkpoint(prefix: str, request: str, words: str = "", deadline_s: float = DEADLINE_S) -> Answer:
    """POST a request (docs/audit-format.md, Witnessing). Errors: Unreachable."""
    return _ask("POST", prefix, "/add-checkpoint", request.encode(), words, deadline_s)


def newest_note(prefix: str, origin: str, words: str = "", deadline_s: float = DEADLINE_S) -> Answer:
    """GET the newest note the witness cosigned for the log ``origin``. Errors: Unreachable."""
    path = f"/{sha256(origin.encode()).hexdigest()}/checkpoint"
    return _ask("GET", prefix, path, None, words, deadline_s)


def refuse_address(prefix: str, words: str = "") -> None:
    """Errors: Unreachable ``address`` when the list's address must not be asked."""
    parts = urlsplit(prefix)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise Unreachable("address", _("Its address in the list is not a web address."))
    if parts.scheme == "http" and not _is_loopback(parts.hostname) and PLAIN not in words:
        raise Unreachable(
            "address",
            _(
                "Its address begins with http:// and leads off this machine. Use https://, or write "
                "“# plain http” behind it in the list if that network is closed."
            ),
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ask(method: str, prefix: str, path: str, body: bytes | None, words: str, deadline_s: float) -> Answer:
    refuse_address(prefix, words)
    parts = urlsplit(prefix)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=deadline_s, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=deadline_s)
    )
    watch = _Watch(connection, deadline_s)
    try:
        connection.connect()
        watch.socket = connection.sock
        headers = {"Content-Type": "text/plain; charset=utf-8", "Accept-Encoding": "identity"}
        connection.request(method, parts.path.rstrip("/") + path, body, headers)
        with connection.getresponse() as response:
            data = response.read(MAX_ANSWER_BYTES + 1)
    except ssl.SSLError as error:
        raise Unreachable("tls", _("Its certificate was not accepted: %(why)s") % {"why": error}) from error
    except (OSError, http.client.HTTPException) as error:
        if watch.late or isinstance(error, TimeoutError):
            raise _late(deadline_s) from error
        raise Unreachable("unreachable", _("It did not answer: %(why)s") % {"why": error}) from error
    finally:
        watch.cancel()
        connection.close()
    if watch.late:
        raise _late(deadline_s)
    return _answer(response, data)


class _Watch(threading.Timer):
    """Cuts the line at the deadline. A socket's own timeout begins anew with every byte: who sends one a
    second would hold us for hours."""

    def __init__(self, connection: http.client.HTTPConnection, deadline_s: float) -> None:
        super().__init__(deadline_s, self._cut)
        self.daemon = True
        self.late = False
        #: Kept here because the connection forgets it once the answer has begun.
        self.socket: Any = None
        self._connection = connection
        self.start()

    def _cut(self) -> None:
        self.late = True
        held = self.socket or self._connection.sock
        if held is not None:
            with suppress(OSError):
                held.shutdown(SHUT_RDWR)


def _answer(response: http.client.HTTPResponse, data: bytes) -> Answer:
    if len(data) > MAX_ANSWER_BYTES:
        raise Unreachable("too-big", _("Its answer was longer than 64 KiB and was not read."))
    if 300 <= response.status < 400:
        raise Unreachable(
            "redirect",
            _("It sent us to another address. That is refused: write the right one into the list."),
        )
    try:
        return Answer(response.status, response.headers.get_content_type(), data.decode())
    except UnicodeDecodeError as error:
        raise Unreachable("not-text", _("Its answer was not text.")) from error


def _late(deadline_s: float) -> Unreachable:
    return Unreachable("timeout", _("It did not answer within %(s)g s.") % {"s": deadline_s})
