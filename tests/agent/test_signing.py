"""The signature profile, against golden vectors and against a library that shares no line with it."""

from __future__ import annotations

import base64
import hashlib
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import authority_of
from agent.signing import Signer, b64url, content_digest, enrolment_proof, public_bytes, unb64url
from tests.agent.console import Request, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer(KEY, "TRL-0007:1", "Console.example:8443")
NONCE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
URL = "https://console.example:8443/api/v1/alerts/"

GOLDEN_BODY = b'{"schema":"csrp.alert/1"}'
GOLDEN = {
    "Content-Type": "application/json",
    "Content-Digest": "sha-256=:kMhp3EZux4qrJQDJdQ/3jUZ6Ajs+p1cvZFf96ec4u5U=:",
    "Signature-Input": (
        'sig1=("@method" "@authority" "@path" "@query" "content-digest" "content-type")'
        ';created=1777331647;expires=1777331707;nonce="AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"'
        ';keyid="TRL-0007:1";alg="ed25519";tag="csrp-device-v1"'
    ),
    "Signature": (
        "sig1=:tditJp1xtwzgg4xcz4ldhe9XAu2qMvvxlgWfpO+UwFMDYVKrxMwTsnjF2Y9MNqiL2ovnba96Q8bBRDxfdJ5nAQ==:"
    ),
}
GOLDEN_GET = "sig1=:K/+AA0IGg/kXKv+H5yht40o4PIZSW0SCdUB/azhaYiIwu3MCNpcywNyZXhRwOfq6UiKJGdgURRFUk+TNEKtmBw==:"


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_post_is_the_golden_vector():
    headers = SIGNER.headers("POST", URL, created=1777331647, body=GOLDEN_BODY, nonce=NONCE)
    assert headers == GOLDEN


def test_upgrade_is_the_golden_vector():
    headers = SIGNER.headers("GET", "wss://x/api/v1/channel/", created=1777331647, nonce=NONCE)
    assert set(headers) == {"Signature-Input", "Signature"}
    assert '"content-digest"' not in headers["Signature-Input"]
    assert headers["Signature"] == GOLDEN_GET


def test_the_golden_base_is_what_the_rfc_says():
    """The base written out by hand, so that the vector does not rest on our own builder."""
    base = (
        '"@method": POST\n"@authority": console.example:8443\n"@path": /api/v1/alerts/\n"@query": ?\n'
        f'"content-digest": {GOLDEN["Content-Digest"]}\n"content-type": application/json\n'
        f'"@signature-params": {GOLDEN["Signature-Input"].removeprefix("sig1=")}'
    )
    assert GOLDEN["Signature"] == f"sig1=:{base64.b64encode(KEY.sign(base.encode())).decode()}:"


@settings(max_examples=60, deadline=None)
@given(
    body=st.one_of(st.none(), st.binary(max_size=200)),
    path=st.text("abcXYZ019-._~/", max_size=30),
    query=st.text("abcXYZ019-._~=&%20", max_size=20).filter(lambda q: "%" not in q),
)
def test_the_library_accepts_what_we_sign(body, path, query):
    url = f"http://127.0.0.1:8000/{path}" + (f"?{query}" if query else "")
    signer = Signer(KEY, "TRL-0007:1", "127.0.0.1:8000")
    method = "GET" if body is None else "POST"
    headers = signer.headers(method, url, created=int(time.time()), body=body)
    parameters = verify(Request(method, url, lower(headers)), body, "TRL-0007:1", KEY.public_key())
    assert parameters["expires"] - parameters["created"] <= 60
    assert len(unb64url(parameters["nonce"])) * 8 >= 128
    assert parameters["tag"] == "csrp-device-v1" and parameters["alg"] == "ed25519"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("method", "PUT"),
        ("url", "http://127.0.0.1:8000/api/v1/alerts/?x"),
        ("url", "http://evil/api/v1/alerts/"),
    ],
)
def test_the_library_refuses_what_was_changed(part, value):
    signer = Signer(KEY, "TRL-0007:1", "127.0.0.1:8000")
    url = "http://127.0.0.1:8000/api/v1/alerts/"
    request = Request("POST", url, lower(signer.headers("POST", url, created=int(time.time()), body=b"{}")))
    setattr(request, part, value)
    with pytest.raises(HTTPMessageSignaturesException):
        verify(request, b"{}", "TRL-0007:1", KEY.public_key())


def test_another_body_has_another_digest():
    assert content_digest(b"{}") != content_digest(b"{ }")
    assert content_digest(b"") == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"


def test_every_request_has_its_own_nonce():
    made = {SIGNER.headers("GET", URL, created=1)["Signature-Input"] for _ in range(50)}
    assert len(made) == 50


def test_proof_of_possession_covers_token_and_key():
    digest = hashlib.sha256(b"token" + public_bytes(KEY)).digest()
    KEY.public_key().verify(unb64url(enrolment_proof(KEY, "token")), digest)


def test_base64url_is_read_with_and_without_padding_only():
    assert unb64url("_-8") == unb64url("_-8=") == b"\xff\xef"
    assert b64url(b"\xff\xef") == "_-8"
    with pytest.raises(ValueError):
        unb64url("_ -8")


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://Console.Example:80/x", "console.example"),
        ("https://console.example:443", "console.example"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("https://console.example:8443/", "console.example:8443"),
    ],
)
def test_authority_drops_the_schemes_own_port(url, authority):
    assert authority_of(url) == authority
