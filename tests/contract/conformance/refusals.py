"""The table of refusals, the forbidden words, and the order of checks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

from tests.contract.conformance.kit import ALERTS, BULK, MARKER, Kit, check, refused, verdict, wire

#: The contract's list, as it stands there.
WORDS = (  # noqa: SIM905
    "face facial biometric embedding descriptor template gait iris person pedestrian gender age ethnic race"
    " emotion voice speech transcript speaker_id scream distress keyword imei imsi mac bluetooth wifi_probe"
    " video stream_url rtsp recording segment playlist continuous scene overview vehicle_signature"
).split()
#: Words that hold a listed one inside, and are none.
INNOCENT = ("image", "storage", "manager", "surface", "machine", "tracer", "agenda", "invoices", "personal")
VALUES = (
    f"https://evil.example/{MARKER}", f"http://{MARKER}", f"ftp://{MARKER}", f"data:image/png;{MARKER}",
    "A" * 121, "abcDEF0123+/" * 11, "0123456789abcdef" * 8, "QUJD_-" * 21,
)  # fmt: skip

BAD_JSON = [
    b"", b" ", b"{", b'{"a":}', b"nul", b"{'a':1}", b'{"a":1,}', b'{"a":1}{"b":2}', b'{"a":1} x',
    b"\xef\xbb\xbf{}", b'{"a":"\xff"}', b'{"a":"\xc3"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}',
    b'{"\\udfff":1}', b'{"a":"\\u0000"}', b'{"\\u0000":1}', b'{"a":"\\u001f"}', b'{"a":"\\u007f"}',
    b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":1,"a":2}',
    b'{"b":{"a":1,"a":1}}', b'{"a":1,"\\u0061":2}', b'{"a":{"a":{"a":{"a":{"a":{}}}}}}', b"[" * 8000,
    b'{"a":"\t"}', b"\x00{}", "{}".encode("utf-16"), b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b"/* */{}",
]  # fmt: skip
MEDIA = (
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json",
    "application/json; charset=latin-1", "application/jsonl", "image/jpeg", "",
)  # fmt: skip


def camel(word: str) -> str:
    """``speaker_id`` as ``speakerId``."""
    first, *rest = word.split("_")
    return first + "".join(part.capitalize() for part in rest)


@check("f.words", "f.levels", "t.422")
def every_listed_word_is_refused_as_a_key(kit: Kit) -> None:
    """In snake and camel case, alone and among others, at the top and inside; refused before the schema."""
    spellings: list[Callable[[str], str]] = [
        str.upper, camel, "x_{}".format, "{}_ref".format, lambda word: "my" + camel("_" + word),
    ]  # fmt: skip
    for number, word in enumerate(WORDS):
        for key in (word, spellings[number % len(spellings)](word)):
            refused(kit.post(kit.gunshot(**{key: MARKER})), 422, "forbidden-field")
    for word in ("face", "imei", "video"):
        for name in ("gunshot", "clock"):
            body = kit.gunshot()
            body[name] |= {word: MARKER}
            refused(kit.post(body), 422, "forbidden-field")
        body = kit.gunshot()
        body["gunshot"]["detector"][word] = [{"x": MARKER}]
        refused(kit.post(body), 422, "forbidden-field")


@check("f.whole")
def a_word_inside_another_is_no_word(kit: Kit) -> None:
    """``age`` does not hit ``image``: such a key is only unknown."""
    for key in INNOCENT:
        refused(kit.post(kit.gunshot(**{key: 1})), 422, "schema")


@check("f.values")
def addresses_and_parcels_are_refused_as_values(kit: Kit) -> None:
    """Any URL, ``data:`` and base64 runs over 120 characters, wherever a text may stand; not in sha256."""
    for value in VALUES:
        for name in ("make", "event_id"):
            body = kit.gunshot()
            body["gunshot"]["detector"][name] = value
            refused(kit.post(body), 422, "forbidden-field")
        refused(kit.post(kit.gunshot(deployment=value)), 422, "forbidden-field")
    body = kit.gunshot()
    body["gunshot"]["clip"] = {"sha256": "a" * 64, "bytes": 96_044}
    kit.taken(body)


@check("t.400", "a.json", "a.depth", "a.duplicate", "a.finite", "a.utf8")
def what_is_no_strict_json_is_400(kit: Kit) -> None:
    """Syntax, depth over 5, keys twice, numbers that are none, encodings, control characters."""
    for raw in BAD_JSON:
        refused(kit.send(ALERTS, raw), 400, "bad-json")
    assert verdict(kit.send(ALERTS, b'{"a":{"a":{"a":{"a":{}}}}}')) == (422, "schema")
    # The array of a bulk post is one level more.
    refused(kit.send(BULK, b"[[[[[[[1]]]]]]]"), 400, "bad-json")


@check("t.413", "a.size")
def sixteen_kilobytes_are_the_most(kit: Kit) -> None:
    """16,384 bytes are read, one more is not; a body of no announced length is none."""
    raw = json.dumps(kit.gunshot()).encode()
    assert kit.send(ALERTS, raw.ljust(16_384)).status_code == 201
    refused(kit.send(ALERTS, raw.ljust(16_385)), 413, "too-large")
    refused(kit.send(ALERTS, raw.ljust(100_000)), 413, "too-large")
    chunked = kit.http.post(ALERTS, content=iter([raw]), headers=kit.headers(ALERTS, raw))
    refused(chunked, 413, "too-large")


@check("t.415")
def only_json_is_json(kit: Kit) -> None:
    """Other media types, other charsets, compressed bodies."""
    for media_type in MEDIA:
        raw = json.dumps(kit.gunshot()).encode()
        refused(kit.send(ALERTS, raw, content_type=media_type), 415, "media-type")
    raw = json.dumps(kit.gunshot()).encode()
    for encoding in ("gzip", "br", "deflate", "zstd"):
        headers = kit.headers(ALERTS, raw) | {"Content-Encoding": encoding}
        refused(kit.http.post(ALERTS, content=raw, headers=headers), 415, "media-type")


@check("t.404", "t.405", "g.problem")
def what_is_not_there_is_a_problem_too(kit: Kit) -> None:
    """404 and 405 in the same form as every refusal."""
    for path in ("/api/v1/nothing/", "/api/v2/alerts/", "/api/"):
        refused(kit.http.get(path), 404, "not-found")
        refused(kit.post({}, path), 404, "not-found")
    for path in (ALERTS, BULK):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            refused(kit.http.request(method, path), 405, "method-not-allowed")


@check("g.problem", "a.echo")
def values_are_never_echoed(kit: Kit) -> None:
    """Whatever is refused, the answer names places and codes only."""
    marked: list[Any] = [
        kit.gunshot(surplus=MARKER), kit.gunshot(id=MARKER), kit.gunshot(kind=MARKER),
        kit.gunshot(face=MARKER),
        kit.gunshot(deployment=MARKER), kit.gunshot(trailer=MARKER), kit.gunshot(**{MARKER: 1}),
        [MARKER], MARKER,
    ]  # fmt: skip
    for value in marked:
        answer = kit.post(value)
        assert verdict(answer)[0] in (403, 422)
        assert MARKER not in str(answer.headers)


#: The contract's order of checks that needs no moved clock, and how a request is made wrong in each.
STAGES: dict[str, tuple[int, str]] = {
    "size": (413, "too-large"), "media": (415, "media-type"), "signature": (401, "bad-signature"),
    "digest": (400, "bad-digest"), "json": (400, "bad-json"), "forbidden": (422, "forbidden-field"),
    "schema": (422, "schema"), "future": (422, "schema"), "wrong-trailer": (403, "wrong-trailer"),
    "not-deployed": (403, "not-deployed"), "hotlist": (409, "not-on-hotlist"),
}  # fmt: skip


def wrong_in(kit: Kit, *faults: str) -> tuple[int, str]:
    """What a request with these faults is told."""
    body = kit.hit(hotlist={"list_id": "no-such-list", "version": 1, "entry_id": "e-0"})
    body = body if "hotlist" in faults else kit.gunshot()
    if "forbidden" in faults:
        body["clock"]["face"] = 1
    if "schema" in faults:
        del body["seq"]
    if "future" in faults:
        body["occurred_at"] = wire(90)
    if "wrong-trailer" in faults:
        body["trailer"] = "TRL-9998"
    if "not-deployed" in faults:
        body["deployment"] = "DEP-2020-0001"
    raw = json.dumps(body).encode()
    raw = raw[:-1] if "json" in faults else raw
    raw = raw.ljust(16_385) if "size" in faults else raw
    headers = kit.headers(ALERTS, raw, content_type="text/plain" if "media" in faults else "application/json")
    if "signature" in faults:
        headers["Signature"] = "sig1=:" + "A" * 86 + "==:"
    if "digest" in faults:
        # The digest that was signed stays; other bytes of the same length travel.
        raw = raw[:-1] + (b" " if raw[-1:] != b" " else b"\n")
    return verdict(kit.http.post(ALERTS, content=raw, headers=headers))


@check("o.order")
def the_earlier_fault_is_told(kit: Kit) -> None:
    """Every pair of faults is answered with the one that is checked first."""
    for stage, expected in STAGES.items():
        assert wrong_in(kit, stage) == expected, stage
    for first, second in itertools.combinations(STAGES, 2):
        assert wrong_in(kit, first, second) == STAGES[first], (first, second)
