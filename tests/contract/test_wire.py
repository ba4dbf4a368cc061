"""Hostility below HTTP bodies: lengths that lie, bodies without end, slow ones, pipelines, bombs, headers."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import hostile
from tests.contract.place import ALERTS, BULK, Place, verdict

BLANK = b"\r\n\r\n"


class Raw:
    """A bare socket to the console."""

    def __init__(self, place: Place) -> None:
        self.socket = socket.create_connection(("127.0.0.1", place.port), 20)

    def say(self, data: bytes) -> None:
        """Send, also when the console has hung up already."""
        try:
            self.socket.sendall(data)
        except OSError:
            return

    def heard(self) -> bytes:
        """Everything until the console hangs up, or an answer is whole."""
        held = b""
        try:
            while True:
                data = self.socket.recv(65_536)
                if not data:
                    return held
                held += data
                head, end, body = held.partition(BLANK)
                length = [
                    int(line[15:])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ]
                if end and length and len(body) >= length[0]:
                    return held
        except OSError:
            return held

    def end(self) -> None:
        """Say that nothing more comes."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def raw(place: Place) -> Iterator[Raw]:
    made = Raw(place)
    yield made
    made.close()


def head(place: Place, path: str, body: bytes | None, **extra: str) -> bytes:
    """A request line with signed headers, and these besides."""
    signed = place.device.headers(path, body) if body is not None else {"Content-Type": "application/json"}
    lines = (
        {"Host": place.authority} | signed | {name.replace("_", "-"): value for name, value in extra.items()}
    )
    return f"POST {path} HTTP/1.1\r\n".encode() + b"".join(
        f"{n}: {v}\r\n".encode("latin-1") for n, v in lines.items()
    )


def status(answer: bytes) -> int:
    """The status of a raw answer, 0 when there is none."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.fixture(autouse=True)
def nothing_kept(place: Place) -> Iterator[None]:
    """No test here stores an alert, or harms the next request."""
    rows, pid = place.count(), place.process.pid
    yield
    assert place.count() == rows
    begun = time.monotonic()
    place.accepted()
    assert time.monotonic() - begun < hostile.SLOWEST_S
    assert place.process.poll() is None and place.process.pid == pid


def marked(place: Place) -> bytes:
    return json.dumps(place.gunshot() | {"surplus": hostile.MARK}).encode()


@pytest.mark.parametrize("length", ["-1", "+5", "5, 5", "0x10", "1e3", "", "9" * 30, "５", "5\x0b", "abc"])
def test_a_length_that_is_none(place: Place, raw: Raw, length: str) -> None:
    try:
        lines = head(place, ALERTS, None) + b"Content-Length: " + length.encode("utf-8") + BLANK
    except UnicodeEncodeError:
        raise AssertionError from None
    raw.say(lines + marked(place))
    raw.end()
    answer = raw.heard()
    assert 400 <= status(answer) < 500 or answer == b"", answer[:200]


def test_two_lengths_and_a_length_beside_chunks(place: Place) -> None:
    body = marked(place)
    for lines in (
        f"Content-Length: {len(body)}\r\nContent-Length: {len(body) - 1}",
        f"Content-Length: {len(body)}\r\nTransfer-Encoding: chunked",
        f"Transfer-Encoding: chunked\r\nContent-Length: {len(body)}",
        "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity", "Transfer-Encoding: xchunked",
    ):  # fmt: skip
        one = Raw(place)
        one.say(head(place, ALERTS, body) + lines.encode() + BLANK + body)
        one.end()
        answer = one.heard()
        assert 400 <= status(answer) < 500 or answer == b"", (lines, answer[:200])
        one.close()


def test_more_than_was_announced_is_the_next_request_and_no_alert(place: Place, raw: Raw) -> None:
    """The digest is of the whole; the console reads what was announced and refuses it."""
    body = json.dumps(place.gunshot()).encode()
    raw.say(head(place, ALERTS, body) + f"Content-Length: {len(body) - 7}".encode() + BLANK + body)
    answer = raw.heard()
    assert status(answer) == 400


def test_less_than_was_announced_is_never_judged(place: Place, raw: Raw) -> None:
    body = json.dumps(place.gunshot()).encode()
    raw.say(head(place, ALERTS, body) + f"Content-Length: {len(body) + 100}".encode() + BLANK + body)
    raw.end()
    assert status(raw.heard()) in (0, 400)


@pytest.mark.parametrize("path", [ALERTS, BULK, "/api/v1/enrolment/", "/accounts/login/"])
def test_chunks_without_end_are_cut_off(place: Place, raw: Raw, path: str) -> None:
    """3 MB of chunks with no last one: memory stays bounded, and the console hangs up or answers."""
    before = resident(place)
    raw.say(head(place, path, None) + b"Transfer-Encoding: chunked" + BLANK)
    chunk = b"10000\r\n" + hostile.MARK.encode().ljust(65_536, b"x") + b"\r\n"
    for _chunk in range(48):
        raw.say(chunk)
    raw.say(b"0\r\n\r\n")
    assert status(raw.heard()) in (0, 401, 413)
    assert resident(place) - before < 30


@pytest.mark.parametrize(
    "chunk", [b"zz\r\n", b"-5\r\n", b"5;" + b"x" * 9000 + b"\r\nhello\r\n", b"f" * 40 + b"\r\n", b"5\nhello"]
)
def test_chunks_that_are_none(place: Place, raw: Raw, chunk: bytes) -> None:
    raw.say(head(place, ALERTS, None) + b"Transfer-Encoding: chunked" + BLANK + chunk + BLANK)
    raw.end()
    assert status(raw.heard()) < 500


def test_slow_bodies_hold_nobody_up(place: Place) -> None:
    """Forty bodies that never end, begun and left: alerts pass beside them."""
    waiting = [Raw(place) for _ in range(40)]
    for number, one in enumerate(waiting):
        body = marked(place)
        one.say(
            head(place, BULK if number % 2 else ALERTS, body)
            + f"Content-Length: {len(body)}".encode()
            + BLANK
        )
        one.say(body[:20])
    for _time in range(5):
        begun = time.monotonic()
        assert verdict(place.device.send(ALERTS, marked(place))) == (422, "schema")
        assert time.monotonic() - begun < hostile.SLOWEST_S
    for one in waiting:
        one.close()


def test_a_pipeline_is_answered_in_its_order(place: Place, raw: Raw) -> None:
    """Ten refusable requests in one piece, then a smuggled one inside a body: ten answers, ten refusals."""
    inner = b"GET /api/v1/desired/ HTTP/1.1\r\nHost: x\r\n\r\n"
    requests = []
    for number in range(10):
        body = marked(place) if number % 2 else inner + marked(place)
        requests.append(head(place, ALERTS, body) + f"Content-Length: {len(body)}".encode() + BLANK + body)
    raw.say(
        b"".join(requests)
        + head(place, ALERTS, None)
        + b"Connection: close\r\nContent-Length: 2"
        + BLANK
        + b"{}"
    )
    held = b""
    while True:
        data = raw.socket.recv(65_536)
        if not data:
            break
        held += data
    statuses = [int(part[:3]) for part in held.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [400, 422] * 5 + [401]


@pytest.mark.parametrize(
    "name", ["Signature", "Signature-Input", "Content-Digest", "X-Padding", "Cookie", "Host", "Accept"]
)
@pytest.mark.parametrize("size", [2_000, 16_000, 70_000])
def test_huge_header_values(place: Place, raw: Raw, name: str, size: int) -> None:
    body = marked(place)
    lines = head(place, ALERTS, body, **{name: "x" * size}) + f"Content-Length: {len(body)}".encode()
    raw.say(lines + BLANK + body)
    raw.end()
    answer = raw.heard()
    assert 400 <= status(answer) < 500 or answer == b"", answer[:100]


def test_a_thousand_headers(place: Place, raw: Raw) -> None:
    body = marked(place)
    many = b"".join(f"X-{n}: {n}\r\n".encode() for n in range(1000))
    raw.say(head(place, ALERTS, body) + many + f"Content-Length: {len(body)}".encode() + BLANK + body)
    answer = raw.heard()
    assert 400 <= status(answer) < 500 or answer == b""


def bombs() -> dict[str, bytes]:
    """A hundred megabytes of blanks around a marker, in what a decoder would unpack."""
    plain = hostile.MARK.encode() + b" " * 20_000_000
    deflated = zlib.compress(plain, 9)
    return {
        "gzip": gzip.compress(plain, 9),
        "deflate": deflated,
        "br": b"\x81\x16\x00X" * 3000,
        "x-gzip, gzip": deflated,
    }


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x-gzip, gzip"])
@pytest.mark.parametrize("path", [ALERTS, BULK, "/api/v1/enrolment/"])
def test_decompression_bombs_are_not_unpacked(place: Place, path: str, encoding: str) -> None:
    bomb, before = bombs()[encoding], resident(place)
    raw_body = bomb if path == BULK else bomb[:4000]
    headers = place.device.headers(path, raw_body) | {"Content-Encoding": encoding}
    answer = place.http.post(path, content=raw_body, headers=headers)
    assert verdict(answer) == (415, "media-type")
    assert resident(place) - before < 15


def resident(place: Place) -> float:
    """Resident memory of the console in megabytes."""
    pages = int(Path(f"/proc/{place.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


@pytest.mark.parametrize(
    "line",
    [
        b"GET", b"POST /api/v1/alerts/", b"POST  /api/v1/alerts/ HTTP/1.1", b"POST /api/v1/alerts/ HTTP/9.9",
        b"PO\x00ST / HTTP/1.1", b"\x16\x03\x01\x02\x00\x01", b"POST /api/v1/alerts/\xff HTTP/1.1",
        b"POST http://evil.example/api/v1/alerts/ HTTP/1.1", b"GET /" + b"a" * 20_000 + b" HTTP/1.1",
        b"OPTIONS * HTTP/1.1", b"CONNECT evil.example:443 HTTP/1.1", b"PRI * HTTP/2.0",
    ],
)  # fmt: skip
def test_request_lines_that_are_none(place: Place, raw: Raw, line: bytes) -> None:
    raw.say(
        line
        + b"\r\nHost: "
        + place.authority.encode()
        + b"\r\nContent-Length: 0\r\nConnection: close"
        + BLANK
    )
    raw.end()
    answer: Any = raw.heard()
    assert status(answer) < 500, answer[:200]
    assert b"Traceback" not in answer


def test_nothing_of_all_that_is_anywhere(place: Place) -> None:
    """The last one: no row, log or file holds a word of what came before."""
    assert place.found(hostile.MARK) == []
