"""The order of checks at every device route: each refusal beside the success it differs from by one thing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.services import acting
from csoc.lib import clock as console_clock
from trailers import counters, keyring, services
from trailers.models import Nonce

from .cast import Device, People, code, send

pytestmark = pytest.mark.django_db

DESIRED = "/api/v1/desired/"
KEYS = "/api/v1/keys/"


def keys_body(device: Device) -> bytes:
    """A well-formed rotation to the key that stands already: refused only at the very end, 409."""
    from agent.signing import b64url, public_bytes

    return json.dumps({"public_key": b64url(public_bytes(device.private))}).encode()


def test_signed_request_is_let_in(device: Device) -> None:
    answer = device.request("GET", DESIRED)
    assert answer.status_code == 200
    assert answer.json()["deployment"] is None


def test_every_refusal_in_its_order(device: Device) -> None:
    body = keys_body(device)
    signed = device.headers("POST", KEYS, body)
    big = b"[" + b" " * 5000 + b"]"

    def post(content: bytes, headers: dict[str, str]) -> tuple[int, str]:
        answer = send("POST", KEYS, content, headers)
        return answer.status_code, code(answer)

    # Each request is wrong in everything that comes later too: the first check in the order answers.
    assert post(big, {"Content-Type": "text/plain"}) == (413, "too-large")
    assert post(b"{", {"Content-Type": "text/plain"}) == (415, "media-type")
    assert post(b"{", {"Content-Type": "application/json"}) == (401, "bad-signature")
    assert post(b"{", {**device.headers("POST", KEYS, body)}) == (400, "bad-digest")
    assert post(b"{", device.headers("POST", KEYS, b"{")) == (400, "bad-json")
    assert post(b"{}", device.headers("POST", KEYS, b"{}")) == (422, "schema")
    assert post(body, signed) == (409, "key-known")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"public_key":1,"public_key":2}',
        b'{"public_key":NaN}',
        b'{"public_key":"\\ud800"}',
        b'{"public_key":"\\u0000"}',
        b"[[[[[[1]]]]]]",
        b"\xff\xfe",
    ],
)
def test_json_that_is_not_strict_is_400(device: Device, raw: bytes) -> None:
    answer = device.request("POST", KEYS, raw)
    assert (answer.status_code, code(answer)) == (400, "bad-json")


def test_size_must_be_announced(device: Device) -> None:
    body = keys_body(device)
    headers = {**device.headers("POST", KEYS, body), "Transfer-Encoding": "chunked"}
    assert code(send("POST", KEYS, body, headers)) == "too-large"
    assert code(send("GET", DESIRED, b"x", device.headers("GET", DESIRED))) == "too-large"


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=latin-1", "text/json", "application/json, text/plain", ""]
)
def test_other_media_types_are_415(device: Device, content_type: str) -> None:
    body = keys_body(device)
    headers = device.headers("POST", KEYS, body, content_type=content_type or "application/json")
    assert code(send("POST", KEYS, body, {**headers, "Content-Type": content_type})) == "media-type"


def test_utf8_media_type_and_any_accept_are_taken(device: Device) -> None:
    body = keys_body(device)
    headers = device.headers("POST", KEYS, body, content_type="application/json; charset=utf-8")
    assert code(send("POST", KEYS, body, {**headers, "Accept": "text/csv"})) == "key-known"


def test_encoded_body_is_415(device: Device) -> None:
    body = keys_body(device)
    headers = {**device.headers("POST", KEYS, body), "Content-Encoding": "gzip"}
    assert code(send("POST", KEYS, body, headers)) == "media-type"


def test_method_and_route(device: Device) -> None:
    assert code(Client().delete(DESIRED)) == "method-not-allowed"
    assert Client().get("/api/v1/nothing-here/").status_code == 404


def test_replay_is_401_and_leaves_one_nonce(device: Device) -> None:
    headers = device.headers("GET", DESIRED)
    assert send("GET", DESIRED, None, headers).status_code == 200
    again = send("GET", DESIRED, None, headers)
    assert (again.status_code, code(again)) == (401, "replayed-nonce")
    assert Nonce.objects.filter(keyid=device.key.keyid).count() == 1


def test_bad_digest_spends_the_nonce(device: Device) -> None:
    body = keys_body(device)
    headers = device.headers("POST", KEYS, body)
    assert code(send("POST", KEYS, b"{}", headers)) == "bad-digest"
    assert code(send("POST", KEYS, body, headers)) == "replayed-nonce"


def test_bad_signature_writes_nothing_and_is_counted(
    device: Device, django_assert_max_num_queries: Any
) -> None:
    headers = device.headers("GET", DESIRED)
    headers["Signature"] = headers["Signature"][:-6] + "AA==:"
    before = counters.refused("bad-signature")
    keyring.forget()
    with django_assert_max_num_queries(1):
        answer = send("GET", DESIRED, None, headers)
    assert (answer.status_code, code(answer)) == (401, "bad-signature")
    assert counters.refused("bad-signature") == before + 1
    assert not Nonce.objects.exists()


def test_clock_skew_says_the_time(device: Device) -> None:
    late = int(console_clock.now().timestamp()) - 200
    answer = device.request("GET", DESIRED, created=late)
    assert (answer.status_code, code(answer)) == (401, "clock-skew")
    assert answer.json()["server_time"].endswith("Z")


def test_another_keys_signature_is_refused(device: Device, people: People) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    thief = Device(device.trailer, device.key, Ed25519PrivateKey.generate())
    assert code(thief.request("GET", DESIRED)) == "bad-signature"


def test_session_is_not_looked_at_on_device_routes(device: Device, people: People) -> None:
    person = Client()
    person.force_login(people.tara, backend="django.contrib.auth.backends.ModelBackend")
    assert code(person.get(DESIRED)) == "bad-signature"
    signed = person.get(DESIRED, headers=device.headers("GET", DESIRED))
    assert signed.status_code == 200


def test_signature_is_not_looked_at_on_a_persons_route(device: Device) -> None:
    path = "/api/v1/live/snapshot/"
    answer = device.request("GET", path)
    assert answer.status_code in (401, 403)
    assert not Nonce.objects.exists()


def test_revoked_key_is_403_only_when_the_signature_holds(
    device: Device, people: People, django_capture_on_commit_callbacks: Any
) -> None:
    assert device.request("GET", DESIRED).status_code == 200
    with django_capture_on_commit_callbacks(execute=True), acting(people.theo):
        services.revoke_key(key=device.key, actor=people.theo)
    answer = device.request("GET", DESIRED)
    assert (answer.status_code, code(answer)) == (403, "key-revoked")
    headers = device.headers("GET", DESIRED)
    headers["Signature"] = headers["Signature"][:-6] + "AA==:"
    assert code(send("GET", DESIRED, None, headers)) == "bad-signature"


header_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=1100)
pieces = st.lists(
    st.sampled_from(
        [
            "sig1",
            "=",
            "(",
            ")",
            '"@method"',
            '"@path"',
            ";",
            "created=",
            "1",
            "expires=-1",
            ":",
            "AAAA",
            '"',
            "\\",
        ]
    ),
    max_size=30,
).map("".join)


@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    signature_input=header_text | pieces,
    signature=header_text | pieces,
    digest=header_text | pieces,
    content_type=st.just("application/json") | header_text,
    body=st.binary(max_size=300),
)
def test_malformed_headers_are_never_a_server_error(
    device: Device, signature_input: str, signature: str, digest: str, content_type: str, body: bytes
) -> None:
    headers = {
        "Signature-Input": signature_input,
        "Signature": signature,
        "Content-Digest": digest,
        "Content-Type": content_type,
    }
    answer = send("POST", KEYS, body, headers)
    assert answer.status_code in (401, 413, 415)
    assert code(answer) in ("bad-signature", "clock-skew", "media-type", "too-large")


@hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.integers(0, 400), character=st.characters(min_codepoint=32, max_codepoint=126))
def test_one_changed_character_never_passes(device: Device, position: int, character: str) -> None:
    headers = device.headers("GET", DESIRED)
    name = "Signature-Input" if position % 2 else "Signature"
    text = headers[name]
    at = position % len(text)
    changed = text[:at] + character + text[at + 1 :]
    answer = send("GET", DESIRED, None, {**headers, name: changed})
    if changed != text and answer.status_code == 200:
        # The last base64 digit before "==" carries four bits that mean nothing.
        assert name == "Signature" and text[at + 1 : at + 3] == "=="
        return
    assert answer.status_code in (200, 401)
