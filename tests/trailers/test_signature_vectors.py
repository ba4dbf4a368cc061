"""The two readers of a signature give one verdict on the same vectors; one signer is the agent's own."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from types import SimpleNamespace
from typing import Any

import http_message_signatures as library
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures.algorithms import ED25519

from agent.signing import Signer
from csoc.lib.errors import Refused
from trailers import keyring, signatures
from trailers.models import TrailerKey
from trailers.signatures import BODILESS, WITH_BODY, Message

AUTHORITY = "csoc.example.org"
KEYID = "TRL-0007:1"
BODY = b'{"schema":"csrp.alert/1"}'
# RFC 9421 appendix B.1.4, test-key-ed25519.
PRIVATE = Ed25519PrivateKey.from_private_bytes(
    base64.urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU=")
)
# The base is written out here by hand from RFC 9421 section 2.5; nothing of ours builds it.
CREATED = 1_777_331_647
GOLDEN_PARAMETERS = (
    '("@method" "@authority" "@path" "@query" "content-digest" "content-type");created=1777331647;'
    'expires=1777331707;nonce="AAECAwQFBgcICQoLDA0ODw";keyid="TRL-0007:1";alg="ed25519";tag="csrp-device-v1"'
)
GOLDEN_SIGNATURE = "0xIovDwq0seLLBWsdxLnPGtYf9vGnAo/bCn4m1Y1AANcvEegVvlzfwosYJqAZnzwXvZIS8DG59zYEsMEo3l3DA=="
GOLDEN_BASE = (
    '"@method": POST\n'
    '"@authority": csoc.example.org\n'
    '"@path": /api/v1/alerts/\n'
    '"@query": ?\n'
    '"content-digest": sha-256=:{digest}:\n'
    '"content-type": application/json\n'
    '"@signature-params": {parameters}'
)


class Resolver(library.HTTPSignatureKeyResolver):
    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return PRIVATE

    def resolve_public_key(self, key_id: str) -> Any:
        return PRIVATE.public_key()


@pytest.fixture(autouse=True)
def one_key(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.PUBLIC_URL, settings.PUBLIC_AUTHORITY = f"https://{AUTHORITY}", AUTHORITY
    raw = PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key = SimpleNamespace(
        keyid=KEYID,
        public_key=raw,
        trailer="TRL-0007",
        trailer_id=7,
        state=TrailerKey.State.ACTIVE,
        usable=lambda at: True,
    )
    monkeypatch.setattr(keyring, "find", lambda keyid: key if keyid == KEYID else None)
    at = dt.datetime.fromtimestamp(CREATED + 5, dt.UTC)
    monkeypatch.setattr(signatures.clock, "now", lambda: at)


def by_agent(method: str, path: str, body: bytes | None) -> Message:
    headers = Signer(PRIVATE, KEYID, AUTHORITY).headers(
        method, f"https://{AUTHORITY}{path}", created=CREATED, body=body
    )
    return message(method, path, headers)


def by_library(method: str, path: str, body: bytes | None, **changes: Any) -> Message:
    headers = {}
    covered = BODILESS
    if body is not None:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers = {"Content-Digest": f"sha-256=:{digest}:", "Content-Type": "application/json"}
        covered = WITH_BODY
    options = {
        "key_id": KEYID,
        "created": dt.datetime.fromtimestamp(CREATED, dt.UTC),
        "expires": dt.datetime.fromtimestamp(CREATED + 60, dt.UTC),
        "nonce": "AAECAwQFBgcICQoLDA0ODw",
        "label": "sig1",
        "tag": "csrp-device-v1",
        "covered_component_ids": covered,
        "use_existing_digest": body is not None,
    } | changes
    request = SimpleNamespace(method=method, url=f"https://{AUTHORITY}{path}", headers=headers)
    signer = library.HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=Resolver())
    signer.sign(request, **options)
    return message(method, path, request.headers)


def message(method: str, target: str, headers: dict[str, str]) -> Message:
    path, _sep, query = target.partition("?")
    return Message(method, AUTHORITY, path, query, {name.lower(): value for name, value in headers.items()})


def verdicts(given: Message, has_body: bool) -> tuple[str, str]:
    """What the fixed profile and the library say: `holds`, `refused`, or for the profile `not mine`."""
    required = WITH_BODY if has_body else BODILESS
    key = keyring.find(KEYID)
    assert key is not None
    mine = signatures._read_profile(given, required)
    theirs = signatures._LibraryReading(given, required)(key)
    said = "not mine" if mine is None else ("holds" if mine[1](key) else "refused")
    return said, "holds" if theirs else "refused"


VECTORS = [
    ("POST", "/api/v1/alerts/", BODY),
    ("POST", "/api/v1/alerts/bulk/", b"[]"),
    ("POST", "/api/v1/keys/?a=1&b=%20x", b"{}"),
    ("GET", "/api/v1/desired/", None),
    ("GET", "/api/v1/hotlist/?since=411", None),
    ("GET", "/api/v1/channel/", None),
]


@pytest.mark.parametrize("sign", [by_agent, by_library])
@pytest.mark.parametrize(("method", "path", "body"), VECTORS)
def test_both_readers_accept_what_both_signers_sign(sign: Any, method: str, path: str, body: Any) -> None:
    given = sign(method, path, body)
    assert verdicts(given, body is not None) == ("holds", "holds")
    assert signatures.check(given, has_body=body is not None).by.trailer == "TRL-0007"


@pytest.mark.parametrize("part", ["method", "authority", "path", "query", "content-type", "content-digest"])
def test_both_readers_refuse_a_changed_part(part: str) -> None:
    given = by_agent("POST", "/api/v1/alerts/?x=1", BODY)
    fields = {"method": "PUT", "authority": "other.example.org", "path": "/api/v1/alerts", "query": "x=2"}
    headers = {"content-type": "application/jsonl", "content-digest": "sha-256=:" + "A" * 43 + "=:"}
    changed = Message(
        given.method if part != "method" else fields[part],
        given.authority if part != "authority" else fields[part],
        given.path if part != "path" else fields[part],
        given.query if part != "query" else fields[part],
        {**given.headers, **({part: headers[part]} if part in headers else {})},
    )
    assert verdicts(changed, True) == ("refused", "refused")
    with pytest.raises(Refused, match="bad-signature"):
        signatures.check(changed, has_body=True)


def test_golden_vector_made_by_hand() -> None:
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    base = GOLDEN_BASE.format(digest=digest, parameters=GOLDEN_PARAMETERS)
    signature = base64.b64encode(PRIVATE.sign(base.encode())).decode()
    headers = {
        "content-digest": f"sha-256=:{digest}:",
        "content-type": "application/json",
        "signature-input": f"sig1={GOLDEN_PARAMETERS}",
        "signature": f"sig1=:{signature}:",
    }
    assert verdicts(Message("POST", AUTHORITY, "/api/v1/alerts/", "", headers), True) == ("holds", "holds")
    # Ed25519 is deterministic: this signature is the same on every machine.
    assert signature == GOLDEN_SIGNATURE


def test_another_order_and_more_components_go_to_the_library_and_hold() -> None:
    other = by_library("GET", "/api/v1/desired/", None, covered_component_ids=tuple(reversed(BODILESS)))
    more = by_library("GET", "/api/v1/desired/", None, covered_component_ids=(*BODILESS, "@target-uri"))
    for given in (other, more):
        assert verdicts(given, False) == ("not mine", "holds")
        assert signatures.check(given, has_body=False).by.key.keyid == KEYID


@pytest.mark.parametrize("missing", WITH_BODY)
def test_every_required_component_is_required(missing: str) -> None:
    covered = tuple(name for name in WITH_BODY if name != missing)
    given = by_library("POST", "/api/v1/alerts/", BODY, covered_component_ids=covered)
    with pytest.raises(Refused, match="bad-signature"):
        signatures.check(given, has_body=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"tag": "csrp-device-v2"},
        {"tag": None},
        {"label": "sig2"},
        {"nonce": "short"},
        {"nonce": None},
        {"nonce": "x" * 129},
        {"expires": dt.datetime.fromtimestamp(CREATED + 61, dt.UTC)},
        {"expires": None},
        {"expires": dt.datetime.fromtimestamp(CREATED - 1, dt.UTC)},
        {"include_alg": False},
        {"key_id": "TRL-0008:1"},
        {"key_id": "u-1042"},
    ],
)
def test_every_parameter_rule(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="bad-signature"):
        signatures.check(by_library("GET", "/api/v1/desired/", None, **changes), has_body=False)


@pytest.mark.parametrize(
    ("age_s", "code"), [(-31, "clock-skew"), (-30, ""), (0, ""), (90, ""), (91, "clock-skew")]
)
def test_thirty_seconds_of_skew_either_way(monkeypatch: pytest.MonkeyPatch, age_s: int, code: str) -> None:
    given = by_agent("GET", "/api/v1/desired/", None)
    at = dt.datetime.fromtimestamp(CREATED + age_s, dt.UTC)
    monkeypatch.setattr(signatures.clock, "now", lambda: at)
    if not code:
        assert signatures.check(given, has_body=False)
        return
    with pytest.raises(Refused) as refused:
        signatures.check(given, has_body=False)
    assert (refused.value.code, refused.value.status) == (code, 401)
    assert refused.value.extra["server_time"] == at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_authority_is_lower_case_without_the_schemes_own_port() -> None:
    assert signatures.authority_of("CSOC.Example.org:443", "https") == "csoc.example.org"
    assert signatures.authority_of("127.0.0.1:80", "http") == "127.0.0.1"
    assert signatures.authority_of("127.0.0.1:8000", "http") == "127.0.0.1:8000"
    assert signatures.authority_of("csoc.example.org:80", "https") == "csoc.example.org:80"


def test_digest_is_compared_with_the_bytes() -> None:
    headers = by_agent("POST", "/api/v1/alerts/", BODY).headers
    signatures.check_digest(headers, BODY)
    for given, body in ((headers, BODY + b" "), ({}, BODY), ({"content-digest": "sha-512=:AAAA:"}, BODY)):
        with pytest.raises(Refused) as refused:
            signatures.check_digest(given, body)
        assert (refused.value.code, refused.value.status) == ("bad-digest", 400)
