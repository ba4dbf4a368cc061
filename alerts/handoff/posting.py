"""One POST to one pinned address: no name is asked, no redirect followed, no answer read to its end.

Whatever the other side does, it is over after ``DEADLINE_S``: a timer cuts the connection, so that a receiver
that sends a byte now and then holds nobody longer than one that sends nothing. Standard library only, because
an HTTP client's own conveniences (proxies of the environment, redirects, decompression, a pool that resolves
names anew) are what must not happen here.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

DEADLINE_S = 5.0
#: Refusals that say "not now" and not "not this".
NOT_NOW = frozenset({408, 421, 425, 429})


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where to: the allow-listed URL, the one address that is dialled for it, and what it may see of us."""

    url: str
    address: str
    token: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class NotTaken(Exception):
    """``code`` says why it was not taken; ``left``: it may have arrived; ``final``: never try again."""

    code: str
    left: bool = False
    final: bool = False


class _Line:
    """A connection that ends at its deadline, whatever is being waited for."""

    def __init__(self, receiver: Receiver, deadline_s: float) -> None:
        self._parts = urlsplit(receiver.url)
        self._receiver = receiver
        end = time.monotonic() + deadline_s
        self.socket: socket.socket = self._dial(deadline_s)
        self.cut = False
        self._timer = threading.Timer(max(0.0, end - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _dial(self, deadline_s: float) -> socket.socket:
        secure = self._parts.scheme == "https"
        port = self._parts.port or (443 if secure else 80)
        try:
            return socket.create_connection((self._receiver.address, port), timeout=deadline_s)
        except OSError:
            raise NotTaken("no-connection") from None

    def _cut(self) -> None:
        self.cut = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def secure(self) -> None:
        """Begin TLS for the name of the URL, not for the address. Errors: NotTaken."""
        if self._parts.scheme != "https":
            return
        context = ssl.create_default_context(cafile=self._receiver.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        wrapped = context.wrap_socket(
            self.socket, server_hostname=self._parts.hostname, do_handshake_on_connect=False
        )
        self.socket = wrapped
        if self.cut:
            self._cut()
        try:
            wrapped.do_handshake()
        except ssl.SSLCertVerificationError:
            raise NotTaken("bad-certificate") from None
        except OSError:
            raise NotTaken("no-answer" if self.cut else "tls") from None

    def close(self) -> None:
        """Hang up."""
        self._timer.cancel()
        self.socket.close()


def post(
    receiver: Receiver, body: bytes, *, media_type: str, key: str, deadline_s: float = DEADLINE_S
) -> int:
    """Send ``body`` once; return the 2xx status.

    key: the Idempotency-Key by which the receiver knows a repeat. deadline_s: seconds for all of it.
    Errors: NotTaken.
    """
    line = _Line(receiver, deadline_s)
    try:
        line.secure()
        status = _ask(line, receiver, body, media_type, key)
    finally:
        line.close()
    if 200 <= status < 300:
        return status
    if 300 <= status < 400:
        raise NotTaken("redirected", final=True)
    final = 400 <= status < 500 and status not in NOT_NOW
    raise NotTaken(f"{'refused' if final else 'http'}-{status}", final=final)


def _ask(line: _Line, receiver: Receiver, body: bytes, media_type: str, key: str) -> int:
    parts = urlsplit(receiver.url)
    headers = {
        "Host": parts.netloc,
        "Content-Type": media_type,
        "Content-Length": str(len(body)),
        "Idempotency-Key": key,
        "User-Agent": "csoc-hand-off/1",
        "Accept": "*/*",
        "Connection": "close",
    }
    if receiver.token:
        headers["Authorization"] = f"Bearer {receiver.token}"
    asked = http.client.HTTPConnection(parts.hostname or "")
    asked.sock = line.socket
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        asked.request("POST", target, body=body, headers=headers)
    except OSError:
        raise NotTaken("no-answer") from None
    try:
        # Its body is nobody's business here: it is never read, so it can be as long as it likes.
        status = asked.getresponse().status
    except (OSError, http.client.HTTPException, ValueError):
        raise NotTaken("no-answer" if line.cut else "bad-answer", left=True) from None
    if line.cut:
        # The end of a line that we cut looks like the end of its headers.
        raise NotTaken("no-answer", left=True)
    return status
