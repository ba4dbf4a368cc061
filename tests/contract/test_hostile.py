"""About 3,000 hostile requests to every door that reads JSON: never a 5xx, never slow, never kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csoc.lib import strictjson
from csoc.lib.errors import BadJson
from tests.contract import hostile
from tests.contract.place import ALERTS, BULK, Place

SEED = 20260427
DEVICE_N = 600
PERSON_N = 220
MEDIA = "/internal/media/auth/"
LEASE = "/internal/media/lease/"


def attack(
    place: Place, path: str, send: Callable[[bytes, str], Any], valid: Callable[[], Any], n: int
) -> dict[int, int]:
    faults, seen = hostile.run(send, path, hostile.cases(SEED, valid), n)
    assert faults == [], "\n".join(faults[:10])
    assert sum(seen.values()) == n
    return seen


def kept_nothing(place: Place) -> None:
    assert place.found(hostile.MARK) == []
    stray = "SELECT count(*) FROM alerts_alert WHERE seq > 9007199254740991"
    assert place.sql(stray) == [(0,)]


@pytest.mark.parametrize("kind", ["gunshot", "hit"])
def test_intake(place: Place, kind: str) -> None:
    seen = attack(place, ALERTS, device_sender(place, ALERTS), getattr(place, kind), DEVICE_N)
    assert seen[400] > 50 and seen[422] > 100
    kept_nothing(place)


def test_bulk(place: Place) -> None:
    seen = attack(
        place, BULK, device_sender(place, BULK), lambda: [place.gunshot(), place.hit()], DEVICE_N // 2
    )
    assert seen[400] > 50 and seen[200] > 50
    kept_nothing(place)


def device_sender(place: Place, path: str) -> Callable[[bytes, str], Any]:
    return lambda raw, kind: place.device.send(path, raw, content_type=hostile.latin(kind))


PERSONS: dict[str, dict[str, Any]] = {
    "acknowledge": {"version": 9},
    "close": {"version": 9, "outcome": "test", "note": "n"},
    "verify-plate": {"version": 9, "decision": "confirm"},
    "hand-back": {"reason": "r"},
    "note": {"text": "t"},
    "live-view": {"reason": {"code": "gunshot", "cad": "P-1"}},
}


@pytest.mark.parametrize("name", PERSONS)
def test_acts_of_people(place: Place, name: str) -> None:
    """On an alert where a well-formed act is refused by its version, its state or its kind."""
    alert = place.acknowledged(place.hit())
    if name in ("hand-back", "note"):
        place.person("dispatcher").post(f"{ALERTS}{alert}/close/", {"version": 2, "outcome": "test"})
    path = f"{ALERTS}{alert}/{name}/"
    seen = attack(place, path, person_sender(place, path), lambda: PERSONS[name], PERSON_N)
    assert seen[400] > 40
    kept_nothing(place)


def person_sender(place: Place, path: str) -> Callable[[bytes, str], Any]:
    dana = place.person("dispatcher")
    return lambda raw, kind: dana.raw(path, raw, hostile.latin(kind))


def test_enrolment_of_strangers(place: Place) -> None:
    body = {
        "token": "t" * 43, "public_key": "A" * 43, "serial": "s", "agent_version": "1",
        "capabilities": ["ptz"], "audio": {"rate_hz": 16000}, "proof": "A" * 86,
    }  # fmt: skip
    path = "/api/v1/enrolment/"

    def send(raw: bytes, kind: str) -> Any:
        return place.http.post(path, content=raw, headers={"Content-Type": hostile.latin(kind)})

    seen = attack(place, path, send, lambda: body, PERSON_N)
    assert 201 not in seen


@pytest.mark.parametrize("path", [MEDIA, LEASE])
def test_the_media_hooks(place: Place, path: str) -> None:
    valid = {
        "token": "t",
        "action": "read",
        "path": "p",
        "id": "i",
        "protocol": "webrtc",
        "sessions": [{"id": "a"}],
    }

    def send(raw: bytes, kind: str) -> Any:
        headers = {"Content-Type": hostile.latin(kind), "X-Gateway-Secret": place.secret}
        return place.http.post(path, content=raw, headers=headers)

    attack(place, path, send, lambda: valid, PERSON_N // 2)


@pytest.mark.parametrize("path", ["/demo/sign-in/", "/demo/simulate/"])
def test_the_demonstrations_doors(place: Place, path: str) -> None:
    """502 is the answer of simulate when no simulator runs, and the only one here."""
    valid = {"username": "nobody", "trailer": "TRL-9", "kind": "gunshot", "rounds": 1}
    attack(place, path, person_sender(place, path), lambda: valid, PERSON_N // 2)
    for name in (b"username=%00", b"username=" + b"x" * 9000, b"username=%ff%fe", b"&&=&", b"\xff"):
        answer = person_sender(place, path)(name, "application/x-www-form-urlencoded")
        assert answer.status_code < 500, name


#: Query strings and paths of every page that reads them.
QUERIES = [
    "/audit/?q={}",
    "/audit/?{}={}",
    "/access/?q={}&role={}",
    "/accounts/login/?next={}",
    "/api/v1/audit/entries/?q={}",
]
TEXTS = [
    "%00",
    "%ff",
    "%ed%a0%80",
    "'",
    "%27%3B--",
    "x" * 3000,
    "%F0%9F%98%80",
    "%0d%0aX:1",
    "[",
    "\\",
    "-1",
    "1e999",
]


@pytest.mark.parametrize("role", ["privacy-officer", "administrator"])
def test_queries(place: Place, role: str) -> None:
    person = place.person(role)
    for text in TEXTS:
        for query in QUERIES:
            address = query.replace("{}", text)
            assert person.get(address).status_code < 500, address


def test_paths(place: Place) -> None:
    dana = place.person("dispatcher")
    places = [
        "/api/v1/deployments/{}/deactivate/",
        "/api/v1/alerts/{}/close/",
        "/gateway/{}",
        "/access/u-{}/",
        "/api/v1/live/{}/",
        "/{}",
        "/static/{}",
    ]
    for text in [*TEXTS, "9" * 40, "..%2f..%2f", "%2e%2e", "DEP-2026-9999999999999999999"]:
        for path in places:
            for answer in (dana.get(path.format(text)), dana.post(path.format(text), {})):
                assert answer.status_code < 500 or answer.status_code == 503, (path, text)
                if path.startswith("/api/") and answer.status_code >= 400:
                    assert answer.headers["content-type"] == "application/problem+json", (path, text)


HEADERS = {
    "Idempotency-Key": ["\x7f", "x" * 5000, "é".encode().decode("latin-1")],
    "Cookie": ["sessionid=" + "x" * 5000, "sessionid=\xff", "csrftoken=;;;=", "=;=;"],
    "X-CSRFToken": ["", "x" * 5000, "\xff"],
    "Content-Encoding": ["gzip", "identity", "x" * 500],
    "Signature-Input": ["sig1=", "sig1=()", "x" * 5000, 'sig1=("@method");created=1', "sig1=(((((", "\xff"],
    "Signature": ["sig1=:", "sig1=:AAAA:", "x" * 5000, "\xff"],
    "Content-Digest": ["sha-256=:", "sha-256=:AAAA:", "\xff" * 100, "x" * 5000],
    "Accept": ["text/html", ";;;", "*/*;q=x", "x" * 5000],
    "Accept-Language": ["x" * 5000, "%00", "fr;q=x"],
    "Host": ["evil.example", "[::1", "a" * 300],
}


def test_headers(place: Place) -> None:
    dana = place.person("dispatcher")
    raw = json.dumps(place.gunshot()).encode()
    for name, values in HEADERS.items():
        for value in values:
            for path, headers in (
                (ALERTS, place.device.headers(ALERTS, raw)),
                (f"{ALERTS}x/close/", dana.token),
            ):
                sent = {
                    key.encode(): text.encode("latin-1") for key, text in (headers | {name: value}).items()
                }
                answer = dana.http.post(path, content=raw, headers=sent)
                assert answer.status_code < 500, (path, name, value)
    # A wrong cookie is answered with the order to drop it, and the client obeys.
    place.forget("dispatcher")


TREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@settings(
    max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
@given(raw=st.binary(max_size=400) | TREE.map(lambda tree: json.dumps(tree).encode("utf-8", "surrogatepass")))
def test_any_bytes_and_any_tree(place: Place, raw: bytes) -> None:
    for path, send in ((ALERTS, device_sender(place, ALERTS)), (BULK, device_sender(place, BULK))):
        answer = send(raw, "application/json")
        assert answer.status_code < 500
        assert path == BULK or answer.status_code >= 400


@settings(max_examples=1500, deadline=None, derandomize=True, database=None)
@given(raw=st.binary(max_size=60) | TREE.map(lambda tree: json.dumps(tree).encode("utf-8", "surrogatepass")))
def test_the_strict_parser_takes_nothing_that_the_lenient_one_refuses(raw: bytes) -> None:
    try:
        value = strictjson.loads(raw)
    except BadJson:
        return
    assert value == json.loads(raw)
    assert "\x00" not in json.dumps(value, ensure_ascii=False)
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b'"' + b'\\"' * 499_000,
        b"[" * 999_000,
        b'"\\' * 330_000,
        b'{"a":"' + b"\\u0041" * 150_000,
        b'"' * 999_001,
    ],
)
def test_a_megabyte_of_malice_costs_no_time(place: Place, raw: bytes) -> None:
    begun = time.monotonic()
    with pytest.raises(BadJson):
        strictjson.loads(raw)
    assert time.monotonic() - begun < hostile.SLOWEST_S
    answer = place.device.send(BULK, raw)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-json")


def test_alerts_pass_beside_an_attack(place: Place) -> None:
    """While two attackers are refused, good alerts are still taken promptly."""

    def storm(seed: int) -> list[str]:
        with httpx.Client(base_url=place.url, timeout=30, trust_env=False) as client:

            def send(raw: bytes, kind: str) -> Any:
                return client.post(BULK, content=raw, headers={"Content-Type": hostile.latin(kind)})

            return hostile.run(send, BULK, hostile.cases(seed, place.gunshot), 150)[0]

    with ThreadPoolExecutor(2) as pool:
        storms = [pool.submit(storm, seed) for seed in (1, 2)]
        for _number in range(20):
            begun = time.monotonic()
            place.accepted()
            assert time.monotonic() - begun < hostile.SLOWEST_S
    assert [storm.result() for storm in storms] == [[], []]
