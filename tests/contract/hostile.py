"""Hostile bodies from a seed: what a broken device, a curious person or an attacker may send.

The generator is one code: the tests take what fits, and a longer run asks for more with its seed:
``python -m tests.contract.hostile --n 25000 --seed 7`` against a console started with ``console.py run``.
Every case must be answered under 500 within 2 s, as a problem document under ``/api/``.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx

SLOWEST_S = 2.0
MARK = "HOSTILE7"

#: Whole bodies that are wrong by themselves, in the manner of the JSON parsing test suites.
WHOLE: list[bytes] = [
    b"", b" ", b"\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xef\xbb\xbf{}", b"null", b"true", b"0", b'""',
    b"[]", b"{}", b"[{}]", b"[null]", b"{", b"}", b"[", b"]", b'"', b"\\", b'{"', b'{"a', b'{"a"', b'{"a":',
    b'{"a":1', b'{"a":1,', b'{"a":1,}', b'{,}', b"[,]", b"[1,]", b"[1 2]", b'{"a" 1}', b'{a:1}', b"{'a':1}",
    b'{"a":1}garbage', b'{"a":1}{"a":1}', b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'{"":1,"":1}',
    b"[NaN]", b"[nan]", b"[Infinity]", b"[-Infinity]", b"[+1]", b"[01]", b"[1.]", b"[.1]", b"[1e]", b"[1e+]",
    b"[1e400]", b"[-1e400]", b"[1e-400]", b"[0x1]", b"[1_000]", b"[-]", b"[--1]", b"[1.2.3]",
    b"[" + b"9" * 5000 + b"]", b"[0." + b"0" * 5000 + b"1]", b"[1E" + b"9" * 5000 + b"]", b"[-0]",
    b'["\\ud800"]', b'["\\udc00\\ud800"]', b'["\\ud800\\u0041"]', b'["\\u0000"]', b'["\\u"]', b'["\\u12"]',
    b'["\\x41"]', b'["\\a"]', b'["\x01"]', b'["\x1f"]', b'["\x7f"]', b'["\n"]', b'["\t"]', b'["\xed\xa0"]',
    b'["\xc0\x80"]', b'["\xe2\x82"]', b'["\xf4\x90\x80\x80"]', b'["\xc3"]', b'["\xff\xfe"]',
    b"[" * 5000, b"]" * 5000, b'{"a":' * 3000, b"[" * 7 + b"]" * 7, b'[{"a":' * 900, b'"' + b'\\"' * 7000,
    b'["' + b"\\" * 8001, b"{" + b'"a":1,' * 2000 + b'"a":1}', b"[" + b"0," * 7000 + b"0]",
    b"//x\n{}", b"/* */{}", b"<a/>", b"a=b&c=d", b"--x\r\n\r\n--x--", b"\x1f\x8b\x08\x00", b"%7B%7D",
    "{}".encode("utf-16"), "{}".encode("utf-16-le"), "{}".encode("utf-32"), b"\x80\x80\x80", b"{}\x00",
    b"\xc2\xa0{}", b"\x0c{}", b'{"\xe2\x80\xae":1}', b'{"__proto__":{"a":1}}', b'{"$where":"1"}',
]  # fmt: skip

TYPES = [
    "application/json", "application/json; charset=utf-8", "text/plain", "", "application/xml",
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x",
    "application/json; charset=utf-16", "application/json;;;", "json", "application/json\u00e9", "a" * 200,
]  # fmt: skip

#: Values to stand where something else was expected.
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**53 - 1, 2**53, 2**63, 10**19, -(2**63), 0.0, -0.0, 1e308, 0.5,
    "", " ", "0", "-1", "null", "true", MARK, "x" * 200, "x" * 5000, "é", "ж", "😀", "\u202e", "\u2028",
    "\ufeff", "'; DROP TABLE alerts_alert; --", "<script>alert(1)</script>", "../../etc/passwd", "%00",
    "${jndi:ldap://x}", "A" * 130, "data:text/html,x", "https://x.example/", [], [None], [[]], {}, {"a": 1},
    [1, "a", None], {"": ""}, str(uuid.UUID(int=0)), "٣", "1e5", "2026-01-01", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z", "2026-06-30T23:59:60Z", "TRL-9999", "DEP-9999-9999", ["gunshot"], {"code": []},
]  # fmt: skip

KEYS = [
    "x", "", "face", "Voice", "speaker_id", "schema", "id", "__class__", "a" * 300, "é", "\u202e", "version",
    "constructor", "video", "plate",
]  # fmt: skip

Case = tuple[bytes, str]


def cases(seed: int, valid: Callable[[], Any]) -> Iterator[Case]:
    """Endless (body, content type): first the fixed ones, then mutations of what ``valid`` makes."""
    rng = random.Random(seed)
    for raw in WHOLE:
        yield raw, TYPES[0]
    for content_type in TYPES[1:]:
        yield json.dumps(valid()).encode(), content_type
    while True:
        yield _one(rng, valid()), TYPES[0] if rng.random() < 0.97 else rng.choice(TYPES)


def _one(rng: random.Random, value: Any) -> bytes:
    value = copy.deepcopy(value)
    for _time in range(rng.choice((1, 1, 1, 2, 3))):
        value = _spoilt(rng, value)
    raw = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return _damaged(rng, raw) if rng.random() < 0.35 else raw


def _spoilt(rng: random.Random, value: Any) -> Any:
    """Change one place of the value: replace, remove, add or rename."""
    holder, key = rng.choice(_places(value) or [(None, None)])
    if holder is None:
        return copy.deepcopy(rng.choice(VALUES))
    what = rng.random()
    if what < 0.55:
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    elif what < 0.7:
        del holder[key]
    elif isinstance(holder, dict):
        holder[rng.choice(KEYS)] = holder.pop(key) if what < 0.85 else copy.deepcopy(rng.choice(VALUES))
    else:
        holder.extend(copy.deepcopy(rng.choice(VALUES)) for _more in range(rng.choice((1, 20, 101))))
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    keys: list[Any] = []
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


def _damaged(rng: random.Random, raw: bytes) -> bytes:
    """Change the bytes: cut, flip, insert, repeat."""
    at = rng.randrange(len(raw) + 1)
    junk = rng.choice(
        (b"\x00", b"\xff", b"\xed\xa0\x80", b'"', b"\\", b"[" * 20, b"{", b",", b"\\u0000", b"\xef\xbb\xbf")
    )
    match rng.randrange(5):
        case 0:
            return raw[:at]
        case 1:
            return raw[:at] + junk + raw[at:]
        case 2:
            return raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]
        case 3:
            return raw[:at] + raw[at // 2 :]
        case _:
            return raw + b" " * rng.choice((1, 17_000)) + junk


def fault(answer: httpx.Response, seconds: float, path: str) -> str | None:
    """What is wrong with this answer to a hostile request, or None."""
    if answer.status_code >= 500:
        return f"{answer.status_code}"
    if seconds > SLOWEST_S:
        return f"took {seconds:.1f} s"
    if answer.status_code >= 400 and path.startswith("/api/"):
        if answer.headers.get("content-type") != "application/problem+json":
            return f"no problem document: {answer.headers.get('content-type')}"
        if MARK in answer.text:
            return "echoes a value"
    return None


def run(
    send: Callable[[bytes, str], httpx.Response], path: str, made: Iterator[Case], n: int
) -> tuple[list[str], dict[int, int]]:
    """Send ``n`` cases; return the faults, each with its body, and how often each status came."""
    faults: list[str] = []
    seen: dict[int, int] = {}
    for _number, (raw, content_type) in zip(range(n), made, strict=False):
        begun = time.monotonic()
        answer = send(raw, content_type)
        wrong = fault(answer, time.monotonic() - begun, path)
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        if wrong is not None:
            faults.append(f"{path} {content_type!r}: {wrong}: {raw[:300]!r}")
    return faults, seen


def main() -> int:
    """Send the full count to the intake of a running console, signed by a trailer nobody simulates."""
    from pathlib import Path

    from bench.driving import ALERTS, Speaker

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=25_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run-file", type=Path, default=Path(".local/run.json"))
    options = parser.parse_args()
    info = json.loads(options.run_file.read_text("utf-8"))
    speaker = Speaker(info)
    with httpx.Client(base_url=info["url"], timeout=30) as client:

        def send(raw: bytes, content_type: str) -> httpx.Response:
            url, created = info["url"] + ALERTS, int(time.time())
            headers = speaker._signer.headers(
                "POST", url, body=raw, created=created, content_type=latin(content_type)
            )
            return client.post(ALERTS, content=raw, headers=headers)

        faults, seen = run(send, ALERTS, cases(options.seed, speaker.gunshot), options.n)
    print(f"{options.n} cases, seed {options.seed}: {dict(sorted(seen.items()))}, {len(faults)} faults")
    print("\n".join(faults[:20]))
    return int(bool(faults))


def latin(content_type: str) -> str:
    """A content type that can be signed: header values outside ASCII have no signature base."""
    return content_type.encode("ascii", "ignore").decode()


if __name__ == "__main__":
    raise SystemExit(main())
