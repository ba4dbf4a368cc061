"""The hostile storm: bodies by class, from a seed, over a bare socket, each with its verdict.

One code runs it: the tests take 25,000, ``console.py bench hostile --n 250000 --seed S`` more. Every body
belongs to a class; of most classes it is certain that no console may take them (``fatal``). Whatever is
answered, it is answered under 500, within 2 s, as a problem document, and never with a value of the body.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.contract import hostile

MARK = hostile.MARK
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Body:
    """One hostile body: its class, its bytes, its media type, and whether taking it would be a fault."""

    kind: str
    raw: bytes
    media: str = JSON
    fatal: bool = True


Value = Callable[[], Any]
Make = Callable[[random.Random, Value], Body]


def _spoilt(rng: random.Random, valid: Value) -> Body:
    """One to three places of a valid value replaced, removed, added or renamed; it may stay valid."""
    value = valid()
    for _time in range(rng.choice((1, 1, 2, 3))):
        value = hostile._spoilt(rng, value)
    raw = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return Body("json mutation", raw, fatal=False)


def _damaged(rng: random.Random, valid: Value) -> Body:
    """Bytes cut, flipped, inserted, repeated; a flip inside a text may leave it valid."""
    return Body("bytes", hostile._damaged(rng, json.dumps(valid()).encode()), fatal=False)


def _whole(rng: random.Random, valid: Value) -> Body:
    return Body("json syntax", rng.choice(hostile.WHOLE), fatal=False)


def _surplus(rng: random.Random, valid: Value) -> Body:
    """A key that no schema has, at any level, with a marker in it."""
    value = valid()
    holder = _object(rng, value)
    holder[rng.choice(("surplus", "zone", "x1", "é", "annexe", "Schema", "id ", "", "_", "$ref"))] = MARK
    return Body("unknown key", json.dumps(value).encode())


def _forbidden(rng: random.Random, valid: Value) -> Body:
    value = valid()
    words = (
        "face",
        "speakerId",
        "voice_print",
        "IMEI",
        "streamUrl",
        "video",
        "wifi_probe",
        "vehicleSignature",
    )
    _object(rng, value)[rng.choice(words)] = rng.choice((MARK, [MARK], {"x": MARK}, None, 1))
    return Body("forbidden key", json.dumps(value).encode())


def _parcel(rng: random.Random, valid: Value) -> Body:
    value = valid()
    parcels = (
        f"https://{MARK}.example/",
        f"data:audio/wav;{MARK}",
        MARK + "A" * 140,
        f"rtsp://{MARK}",
        f"www.{MARK}.ca",
    )
    _object(rng, value)[rng.choice(("make", "note", "trailer", "deployment"))] = rng.choice(parcels)
    return Body("forbidden value", json.dumps(value).encode())


def _deep(rng: random.Random, valid: Value) -> Body:
    depth = rng.choice((7, 8, 20, 100, 900, 2000))
    opening = "".join(rng.choice(('{"a":', "[")) for _ in range(depth))
    closing = "".join("}" if part == "{" else "]" for part in reversed(opening.replace('"a":', "")))
    middle = rng.choice(("1", f'"{MARK}"', "", "null"))
    whole = rng.random() < 0.5
    return Body("depth", (opening + middle + (closing if whole else "")).encode())


def _twice(rng: random.Random, valid: Value) -> Body:
    """A key of a valid object stands twice, the second time perhaps in escapes."""
    value = valid()
    holder = _object(rng, value)
    name = rng.choice(sorted(holder)) if holder else "a"
    again = json.dumps(name) if rng.random() < 0.5 else '"' + "".join(f"\\u{ord(c):04x}" for c in name) + '"'
    inner = json.dumps(holder.get(name, 1))
    text = json.dumps(value)
    once = json.dumps(name) + ": " + inner
    return Body(
        "duplicate key", text.replace(once, f"{once}, {again}: {inner}", 1).encode(), fatal=once in text
    )


NUMBERS = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e999", "0x10", "01", "1.", ".5", "+1", "--1", "1e", "1_000",
    "9" * 400, "-" + "9" * 4000, "1" + "0" * 310, "1e+", "1.e3", "0b1", "1L", "1/2", "٣", "½",
)  # fmt: skip


def _number(rng: random.Random, valid: Value) -> Body:
    """A number that JSON does not have, or no double can hold, where a value stood."""
    value = valid()
    holder = _object(rng, value)
    name = rng.choice(sorted(holder)) if holder else "a"
    holder[name] = "\u0001number\u0001"
    text = json.dumps(value).replace('"\\u0001number\\u0001"', rng.choice(NUMBERS))
    return Body("numbers", text.encode())


TEXTS = (
    "\\u0000", "\\ud800", "\\udfff\\ud800", "\\u001b[31m", "\\u0085", "\\u007f", "\\u202e" + MARK, "\\ufeff",
    "\\ud83d", "\\x41", "\\u12", "\\", "\\'", "\\U0001F600",
)  # fmt: skip


def _text(rng: random.Random, valid: Value) -> Body:
    """Escapes that mean no character, or one that no text may hold."""
    value = valid()
    holder = _object(rng, value)
    name = rng.choice(sorted(holder)) if holder else "a"
    holder[name] = "\u0001text\u0001"
    text = json.dumps(value).replace("\\u0001text\\u0001", rng.choice(TEXTS))
    return Body("unicode", text.encode())


BYTES = (
    b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\xe2\x82", b"\x80", b"\xfe\xff",
    b"\xf8\x88\x80\x80\x80", b"\x00", b"\x1b",
)  # fmt: skip


def _encoding(rng: random.Random, valid: Value) -> Body:
    """Another encoding than UTF-8, or broken UTF-8 inside a text."""
    text = json.dumps(valid())
    if rng.random() < 0.4:
        return Body(
            "encodings",
            text.encode(rng.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7"))),
            fatal=False,
        )
    raw = text.encode()
    at = raw.find(b'"', rng.randrange(len(raw))) + 1
    return Body("encodings", raw[:at] + rng.choice(BYTES) + raw[at:])


def _size(rng: random.Random, valid: Value) -> Body:
    """Larger than the route takes, by blanks, by one long text, by many keys."""
    raw = json.dumps(valid()).encode()
    match rng.randrange(3):
        case 0:
            return Body("sizes", raw.ljust(rng.choice((1_000_001, 1_050_000))))
        case 1:
            return Body("sizes", b'{"a":"' + MARK.encode() * rng.choice((125_001, 130_000)) + b'"}')
        case _:
            return Body("sizes", b"[" + b"0," * rng.choice((500_000, 540_000)) + b"0]")


def _media(rng: random.Random, valid: Value) -> Body:
    others = ("application/json; charset=utf-7", "application/problem+json", "audio/wav", "image/jpeg")
    types = [kind for kind in (*hostile.TYPES[2:], *others) if hostile.latin(kind) != JSON]
    return Body("media types", json.dumps(valid()).encode(), hostile.latin(rng.choice(types))[:120])


def _multipart(rng: random.Random, valid: Value) -> Body:
    edge = f"edge{rng.randrange(10**6)}"
    part = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{MARK}.wav"\r\n\r\n'
    ends = ("", f"\r\n--{edge}--\r\n", f"\r\n--{edge}", "\r\n----")
    raw = (part * rng.choice((1, 2, 50)) + json.dumps(valid()) + rng.choice(ends)).encode()
    return Body("multipart", raw, f"multipart/form-data; boundary={edge}")


def _nothing_like_it(rng: random.Random, valid: Value) -> Body:
    """Whole values of other shapes."""
    value = rng.choice((None, True, 0, -1, 1e308, MARK, [MARK], {MARK: 1}, [[]], {}, {"": {}}, [None, {}]))
    return Body("other shapes", json.dumps(value).encode(), fatal=False)


def _object(rng: random.Random, value: Any) -> dict[str, Any]:
    """Any object inside a value, or a fresh one put into it."""
    found = [holder[key] for holder, key in hostile._places([value]) if isinstance(holder[key], dict)]
    return rng.choice(found) if found else {}


#: How often each class comes. The heavy ones are a megabyte each.
CLASSES: tuple[tuple[int, Make], ...] = (
    (26, _spoilt), (12, _damaged), (4, _whole), (10, _surplus), (7, _forbidden), (6, _parcel), (6, _deep),
    (6, _twice), (6, _number), (5, _text), (5, _encoding), (3, _media), (2, _multipart),
    (2, _nothing_like_it),
)  # fmt: skip
_WEIGHTS = [weight for weight, _make in CLASSES]
_MAKERS = [make for _weight, make in CLASSES]


def bodies(seed: int, valid: Value) -> Iterator[Body]:
    """Endless bodies of every class, the same for the same seed; a large one every 500."""
    rng = random.Random(seed)

    def own() -> Any:
        # Bodies spoil what they are given: a part that two of them share would grow, and differ by chance.
        return copy.deepcopy(valid())

    for number in itertools.count(1):
        make = _size if number % 500 == 0 else rng.choices(_MAKERS, _WEIGHTS)[0]
        yield make(rng, own)


# -- sending -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers (lower case), body, and how long it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Wire:
    """One HTTP/1.1 connection that is kept, and made again when the console closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._where = (host, port)
        self._socket: socket.socket | None = None

    def ask(self, path: str, headers: dict[str, str], raw: bytes, method: str = "POST") -> Answer:
        """Send one request and read its whole answer. Errors: OSError when there is none."""
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        start = f"{method} {path} HTTP/1.1\r\nHost: {self._where[0]}:{self._where[1]}\r\n"
        request = f"{start}{head}Content-Length: {len(raw)}\r\n\r\n".encode("latin-1") + raw
        begun = time.monotonic()
        answer = self._exchanged(request)
        return Answer(*answer, time.monotonic() - begun)

    def _exchanged(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        for last in (False, True):
            fresh = self._socket is None
            try:
                self._open().sendall(request)
                return self._read()
            except OSError:
                self.close()
                # A kept connection may have been closed meanwhile; a new one has no such excuse.
                if fresh or last:
                    raise
        raise OSError("unreachable")

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(self._where, 30)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _read(self) -> tuple[int, dict[str, str], bytes]:
        assert self._socket is not None
        held = b""
        while b"\r\n\r\n" not in held:
            held += self._more()
        head, _, body = held.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        while len(body) < int(headers.get("content-length", 0)):
            body += self._more()
        if headers.get("connection", "").lower() == "close":
            self.close()
        return int(lines[0].split()[1]), headers, body

    def _more(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionResetError("closed without an answer")
        return data

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None


Headers = Callable[[Body], dict[str, str]]


@dataclass
class Door:
    """One address under attack: what a valid body is, and how a request to it is signed or signed in."""

    name: str
    path: str
    valid: Value
    headers: Headers
    #: Whether the answer of a body with several alerts is a row for each.
    rows: bool = False


#: So many faults are kept in words; all are counted.
KEPT = 200


@dataclass
class Report:
    """What a storm found: how many of each class and status, what was taken, and the faults."""

    sent: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    taken: int = 0
    slowest_s: float = 0.0
    found: int = 0
    faults: list[str] = field(default_factory=list)
    #: Several connections write into one report.
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def fault(self, what: str) -> None:
        """Count a fault, and keep the first ``KEPT`` in words: a long storm must not fill the memory."""
        self.found += 1
        if len(self.faults) < KEPT:
            self.faults.append(what)

    def count(self, kind: str, answer: Answer) -> None:
        """Count an answer."""
        self.sent += 1
        self.kinds[kind] += 1
        self.statuses[answer.status] += 1
        self.slowest_s = max(self.slowest_s, answer.seconds)

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {count}" for name, count in self.kinds.most_common())
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return (
            f"{self.sent} hostile bodies; {kinds}\n  answers {statuses}; slowest {self.slowest_s:.2f} s;"
            f" {self.taken} were valid after all and were taken; {self.found} faults"
        )


def attack(wire: Wire, door: Door, seed: int, n: int, report: Report) -> None:
    """Send ``n`` bodies of the seed to a door and judge each answer."""
    for body in itertools.islice(bodies(seed, door.valid), n):
        try:
            answer = wire.ask(door.path, door.headers(body), body.raw)
        except OSError as error:
            with report.lock:
                report.fault(f"{door.name}, seed {seed}, {body.kind}: {error}: {body.raw[:200]!r}")
            continue
        with report.lock:
            report.count(body.kind, answer)
            wrong = judged(door, body, answer, report)
            if wrong:
                report.fault(f"{door.name}, seed {seed}, {body.kind}: {wrong}: {body.raw[:300]!r}")


def judged(door: Door, body: Body, answer: Answer, report: Report) -> str | None:
    """What is wrong with an answer, or None; counts what was taken."""
    if answer.status >= 500:
        return str(answer.status)
    if answer.seconds > hostile.SLOWEST_S:
        return f"took {answer.seconds:.1f} s"
    if MARK.encode() in answer.body or any(MARK in value for value in answer.headers.values()):
        return "echoes a value"
    if answer.status >= 400:
        right = answer.headers.get("content-type") == "application/problem+json"
        return None if right else f"{answer.status} without a problem document"
    rows = json.loads(answer.body) if door.rows else [{"status": answer.status}]
    report.taken += sum(row["status"] == 201 for row in rows)
    wrong_rows = [row for row in rows if row["status"] >= 500]
    if wrong_rows:
        return f"a row of {wrong_rows[0]['status']}"
    if body.fatal and rows and all(row["status"] < 300 for row in rows):
        return f"was taken: {answer.status}"
    return None
