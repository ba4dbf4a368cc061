"""CADs that misbehave: a socket each, which does to whoever connects what its script says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

Script = Callable[[socket.socket, threading.Event], None]
GOOD = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


def says(answer: bytes) -> Script:
    """Read the whole request, then say this."""

    def run(line: socket.socket, _over: threading.Event) -> None:
        line.sendall(answer)

    return run


def status(number: int, *headers: str) -> Script:
    """Answer with a status and these headers."""
    head = "".join(f"{header}\r\n" for header in headers)
    return says(f"HTTP/1.1 {number} Words\r\n{head}Content-Length: 0\r\n\r\n".encode())


def hangs(_line: socket.socket, over: threading.Event) -> None:
    """Take everything and never answer."""
    over.wait(20)


def drips(line: socket.socket, over: threading.Event) -> None:
    """Send one byte of a header now and then, for ever."""
    line.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not over.wait(0.02):
        line.sendall(b"x")


def floods(line: socket.socket, over: threading.Event) -> None:
    """Answer well, with a body that has no end."""
    line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not over.is_set():
        line.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


def continues(line: socket.socket, over: threading.Event) -> None:
    """Say 100 Continue for ever."""
    while not over.is_set():
        line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


class Cad:
    """A listening socket with a script; ``asked`` are the requests as they came."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.asked: list[bytes] = []
        self._context = context
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def url(self, host: str = "127.0.0.1", path: str = "/in?box=1") -> str:
        """Its address."""
        return f"{'https' if self._context else 'http'}://{host}:{self.port}{path}"

    def bodies(self) -> list[bytes]:
        """What was posted."""
        return [request.partition(b"\r\n\r\n")[2] for request in self.asked]

    def header(self, name: str) -> list[str]:
        """A header of each request."""
        found = []
        for request in self.asked:
            lines = request.partition(b"\r\n\r\n")[0].decode().splitlines()[1:]
            found.append(dict(line.split(": ", 1) for line in lines).get(name, ""))
        return found

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError, ValueError):
                line, _from = self._listener.accept()
                threading.Thread(target=self._one, args=(line,), daemon=True).start()

    def _one(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), line:
            if self._context:
                with self._context.wrap_socket(line, server_side=True) as inner:
                    self._talk(inner)
            else:
                self._talk(line)

    def _talk(self, line: socket.socket) -> None:
        self.asked.append(_request(line))
        self.script(line, self._over)

    def close(self) -> None:
        """Stop."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _request(line: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        got += line.recv(65_536) or b"\r\n\r\n"
    head, _gap, body = got.partition(b"\r\n\r\n")
    lengths = [part for part in head.lower().split(b"\r\n") if part.startswith(b"content-length:")]
    wanted = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < wanted:
        more = line.recv(65_536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def cad(script: Script, context: ssl.SSLContext | None = None) -> Iterator[Cad]:
    """Run one."""
    one = Cad(script, context)
    try:
        yield one
    finally:
        one.close()
