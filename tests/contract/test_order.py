"""The order of checks: a request wrong in two ways answers the earlier one. Every pair, over HTTP."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from csoc.lib import clock as console_clock
from tests.contract.place import ALERTS, Place, code

HOUR = 3600

#: The contract's order, with what each is answered.
STAGES: dict[str, tuple[int, str]] = {
    "size": (413, "too-large"),
    "media": (415, "media-type"),
    "signature": (401, "bad-signature"),
    "digest": (400, "bad-digest"),
    "json": (400, "bad-json"),
    "forbidden": (422, "forbidden-field"),
    "schema": (422, "schema missing-key"),
    "future": (422, "schema future"),
    "wrong-trailer": (403, "wrong-trailer"),
    "not-deployed": (403, "not-deployed"),
    "too-old": (410, "too-old"),
    "hotlist": (409, "hotlist-version-stale"),
}
#: Nothing can have happened both in the future and two days ago.
IMPOSSIBLE = {frozenset({"future", "too-old"})}


def body_wrong_in(place: Place, wrong: set[str]) -> dict[str, Any]:
    """A body with these faults; the clock stands 49 h after the list was issued, so every hit is stale."""
    body = place.hit() if "hotlist" in wrong else place.gunshot()
    if "forbidden" in wrong:
        body["clock"]["face"] = 1
    if "schema" in wrong:
        del body["seq"]
    if "future" in wrong:
        body["occurred_at"] = console_clock.wire(console_clock.now() + timedelta(seconds=90))
    if "too-old" in wrong:
        body["occurred_at"] = console_clock.wire(place.scene.deployment.activated_at)
    if "wrong-trailer" in wrong:
        body["trailer"] = place.other.trailer.name
    if "not-deployed" in wrong:
        body["deployment"] = "DEP-2020-0001"
    return body


def send_wrong_in(place: Place, wrong: set[str]) -> httpx.Response:
    raw = json.dumps(body_wrong_in(place, wrong)).encode()
    if "json" in wrong:
        raw = raw[:-1]
    if "size" in wrong:
        raw = raw.ljust(16_385)
    headers = place.device.headers(
        ALERTS, raw, content_type="text/plain" if "media" in wrong else "application/json"
    )
    if "signature" in wrong:
        headers["Signature"] = "sig1=:" + "A" * 86 + "==:"
    if "digest" in wrong:
        # The digest that was signed stays; other bytes of the same length travel.
        raw = raw[:-1] + (b" " if raw[-1:] != b" " else b"\n")
    return place.http.post(ALERTS, content=raw, headers=headers)


def told(answer: httpx.Response) -> tuple[int, str]:
    found = code(answer)
    if found == "schema":
        found += " " + answer.json()["errors"][0]["code"]
    return answer.status_code, found


@pytest.mark.parametrize("first", STAGES)
def test_the_earlier_fault_is_told(place: Place, clock: Any, first: str) -> None:
    clock.shift(49 * HOUR)
    names = list(STAGES)
    before = place.count()
    assert told(send_wrong_in(place, {first})) == STAGES[first]
    for second in names[names.index(first) + 1 :]:
        if frozenset({first, second}) not in IMPOSSIBLE:
            assert told(send_wrong_in(place, {first, second})) == STAGES[first], second
    assert place.count() == before


def test_a_request_wrong_in_every_way_is_only_too_large(place: Place, clock: Any) -> None:
    clock.shift(49 * HOUR)
    assert told(send_wrong_in(place, set(STAGES) - {"future"})) == STAGES["size"]


@pytest.mark.parametrize("path", [ALERTS, "/api/v1/alerts/bulk/", "/api/v1/keys/"])
def test_an_unsigned_body_is_never_parsed(place: Place, path: str) -> None:
    for raw in (b"{", b"[" * 3000, b'{"a":1,"a":2}', b"\xff", b""):
        headers = place.device.headers(path, raw)
        headers["Signature"] = "sig1=:" + "B" * 86 + "==:"
        answer = place.http.post(path, content=raw, headers=headers)
        assert told(answer) == (401, "bad-signature"), raw[:20]
        plain = place.http.post(path, content=raw, headers={"Content-Type": "application/json"})
        assert told(plain) == (401, "bad-signature"), raw[:20]


def test_every_pair_was_possible() -> None:
    assert len(list(itertools.combinations(STAGES, 2))) == 66


@pytest.mark.parametrize("path", [ALERTS, "/api/v1/alerts/bulk/"])
def test_the_parser_is_not_even_called(place: Place, path: str, monkeypatch: Any) -> None:
    """In this process, where the parser can be watched."""
    from django.test import Client

    from csoc.lib import strictjson

    calls: list[bytes] = []
    monkeypatch.setattr(strictjson, "loads", lambda raw, **kw: calls.append(raw))
    with place.inside():
        for headers in ({}, {"Signature-Input": "sig1=()", "Signature": "sig1=:AAAA:"}):
            answer = Client().post(path, b"{}", content_type="application/json", headers=headers)
            assert answer.status_code == 401
    assert calls == []
