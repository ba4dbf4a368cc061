"""RFC 9421 signatures and RFC 9530 digests, as the contract narrows them."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.signing import Signer, signature_base
from tests.contract.conformance.kit import ALERTS, BULK, CHANNEL, DESIRED, KEYS, Kit, check, refused

#: What a signature must say of itself, each changed or left out in turn.
PARAMETERS = [
    (r'tag="[^"]*"', 'tag="csrp-device-v2"'), (r';tag="[^"]*"', ""),
    (r'alg="ed25519"', 'alg="hmac-sha256"'), (r';alg="ed25519"', ""),
    (r'nonce="[^"]*"', 'nonce="MDEyMzQ1Njc4OWFi"'), (r';nonce="[^"]*"', ""),
    (r";expires=\d+", ""), (r";created=\d+", ""), (r';keyid="[^"]*"', ""),
]  # fmt: skip
COMPONENTS = ["@method", "@authority", "@path", "@query", "content-digest", "content-type"]


def reshaped(kit: Kit, raw: bytes, pattern: str, into: str, created: int | None = None) -> dict[str, str]:
    """Headers whose signature holds, over parameters that differ from the profile in one place."""

    class Other(Signer):
        def _params(self, components: tuple[str, ...], created: int, nonce: str) -> str:
            changed, count = re.subn(pattern, into, super()._params(components, created, nonce), count=1)
            assert count == 1, pattern
            return changed

    other = Other(kit.signer.key, kit.signer.keyid, kit.signer.authority)
    return other.headers("POST", kit.url + ALERTS, body=raw, created=created or int(time.time()))


def body(kit: Kit) -> bytes:
    """A valid alert as bytes."""
    return json.dumps(kit.gunshot()).encode()


@check("s.parameters", "s.tag", "s.alg", "s.nonce")
def every_parameter_is_required_and_exact(kit: Kit) -> None:
    """Without one of them, or with another value, the signature is bad although it holds."""
    for pattern, into in PARAMETERS:
        raw = body(kit)
        refused(
            kit.http.post(ALERTS, content=raw, headers=reshaped(kit, raw, pattern, into)),
            401,
            "bad-signature",
        )


@check("s.components")
def every_component_is_covered(kit: Kit) -> None:
    """A signature over fewer parts of the request is bad."""
    for name in COMPONENTS:
        raw = body(kit)
        headers = reshaped(kit, raw, rf'"{name}" ?', "")
        refused(kit.http.post(ALERTS, content=raw, headers=headers), 401, "bad-signature")


@check("s.components")
def what_was_signed_is_what_must_come(kit: Kit) -> None:
    """Another method, path, query, content type or key than was signed."""
    raw = body(kit)
    signed = kit.headers(ALERTS, raw)
    refused(kit.http.post(ALERTS + "?a=1", content=raw, headers=signed), 401, "bad-signature")
    refused(kit.http.post(BULK, content=raw, headers=signed), 401, "bad-signature")
    put = kit.headers(ALERTS, raw, "PUT")
    refused(kit.http.post(ALERTS, content=raw, headers=put), 401, "bad-signature")
    retyped = kit.headers(ALERTS, raw) | {"Content-Type": "application/json; charset=utf-8"}
    refused(kit.http.post(ALERTS, content=raw, headers=retyped), 401, "bad-signature")
    stranger = Signer(Ed25519PrivateKey.generate(), kit.signer.keyid, kit.signer.authority)
    forged = stranger.headers("POST", kit.url + ALERTS, body=raw, created=int(time.time()))
    refused(kit.http.post(ALERTS, content=raw, headers=forged), 401, "bad-signature")


@check("s.authority")
def the_public_name_is_what_is_signed(kit: Kit) -> None:
    """A signature for another host does not hold, whatever the Host header says."""
    raw = body(kit)
    elsewhere = Signer(kit.signer.key, kit.signer.keyid, "elsewhere.example")
    headers = elsewhere.headers("POST", kit.url + ALERTS, body=raw, created=int(time.time()))
    refused(kit.http.post(ALERTS, content=raw, headers=headers), 401, "bad-signature")


@check("s.bodiless")
def a_request_without_a_body_is_signed_without_the_last_two(kit: Kit) -> None:
    """GET with the four components is answered; without a signature it is not."""
    assert kit.get(DESIRED).status_code == 200
    refused(kit.http.get(DESIRED), 401, "bad-signature")


@check("s.bodiless", "s.components")
def a_body_is_never_outside_the_signature(kit: Kit) -> None:
    """The signature of a bodiless request, with a digest beside it that nobody signed."""
    raw, signer = body(kit), kit.signer
    params = signer._params(("@method", "@authority", "@path", "@query"), int(time.time()), "n" * 32)
    base = signature_base("POST", signer.authority, kit.url + ALERTS, {}, params)
    made = base64.b64encode(signer.key.sign(base.encode())).decode()
    headers = kit.headers(ALERTS, raw) | {"Signature-Input": f"sig1={params}", "Signature": f"sig1=:{made}:"}
    refused(kit.http.post(ALERTS, content=raw, headers=headers), 401, "bad-signature")


@check("s.lifetime")
def it_lives_sixty_seconds_at_most(kit: Kit) -> None:
    """``expires`` over ``created`` + 60 s is bad, as is one before ``created``."""
    now = int(time.time())
    for expires in (now + 61, now + 3600, now - 1):
        raw = body(kit)
        headers = reshaped(kit, raw, r"expires=\d+", f"expires={expires}", now)
        refused(kit.http.post(ALERTS, content=raw, headers=headers), 401, "bad-signature", "clock-skew")


@check("s.skew", "t.401", "g.time")
def thirty_seconds_of_skew_and_the_servers_time(kit: Kit) -> None:
    """20 s ahead and 80 s old pass; 45 s ahead and 100 s old are told the console's time."""
    for seconds in (20, -80):
        raw = body(kit)
        assert kit.send(ALERTS, raw, created=int(time.time()) + seconds).status_code == 201
    for seconds in (45, 86_400, -100, -86_400):
        answer = kit.send(ALERTS, body(kit), created=int(time.time()) + seconds)
        refused(answer, 401, "clock-skew")
        told = answer.json()["server_time"]
        assert told.endswith("Z")
        assert abs(datetime.fromisoformat(told).timestamp() - time.time()) < 30


@check("s.replay", "t.401")
def a_nonce_is_spent_once(kit: Kit) -> None:
    """The same signed request again is a replay, and so is the same nonce on another request."""
    raw = body(kit)
    headers = kit.headers(ALERTS, raw)
    assert kit.http.post(ALERTS, content=raw, headers=headers).status_code == 201
    refused(kit.http.post(ALERTS, content=raw, headers=headers), 401, "replayed-nonce")
    nonce = "c" * 32 + str(kit.seq)
    assert kit.post(kit.gunshot(), nonce=nonce).status_code == 201
    refused(kit.post(kit.gunshot(), nonce=nonce), 401, "replayed-nonce")
    get = kit.headers(DESIRED, method="GET")
    assert kit.http.get(DESIRED, headers=get).status_code == 200
    refused(kit.http.get(DESIRED, headers=get), 401, "replayed-nonce")


@check("s.replay")
def a_refused_signature_spends_no_nonce(kit: Kit) -> None:
    """A stranger who knows a nonce cannot use it up."""
    nonce, raw = "d" * 32 + str(kit.seq), body(kit)
    stranger = Signer(Ed25519PrivateKey.generate(), kit.signer.keyid, kit.signer.authority)
    forged = stranger.headers("POST", kit.url + ALERTS, body=raw, created=int(time.time()), nonce=nonce)
    refused(kit.http.post(ALERTS, content=raw, headers=forged), 401, "bad-signature")
    assert kit.send(ALERTS, raw, nonce=nonce).status_code == 201


@check("s.digest", "t.400")
def the_body_is_the_one_that_was_digested(kit: Kit) -> None:
    """Other bytes of the same length under a signed digest; and a digest of another kind."""
    raw = body(kit)
    other = raw[:-1] + b" "
    refused(kit.http.post(ALERTS, content=other, headers=kit.headers(ALERTS, raw)), 400, "bad-digest")

    class Md5(Signer):
        def headers(self, method: str, url: str, **kw: object) -> dict[str, str]:  # type: ignore[override]
            made = super().headers(method, url, **kw)  # type: ignore[arg-type]
            digest = made["Content-Digest"].replace("sha-256", "sha-512")
            fields = {"Content-Type": made["Content-Type"], "Content-Digest": digest}
            params = made["Signature-Input"].removeprefix("sig1=")
            base = signature_base(method, self.authority, url, fields, params)
            signed = base64.b64encode(self.key.sign(base.encode())).decode()
            return made | fields | {"Signature": f"sig1=:{signed}:"}

    signer = Md5(kit.signer.key, kit.signer.keyid, kit.signer.authority)
    headers = signer.headers("POST", kit.url + ALERTS, body=raw, created=int(time.time()))
    refused(kit.http.post(ALERTS, content=raw, headers=headers), 400, "bad-digest")


@check("s.keyid")
def the_keyid_alone_names_the_key(kit: Kit) -> None:
    """Unknown, malformed and another trailer's names are bad signatures, not other errors."""
    for keyid in ("TRL-9999:1", f"{kit.trailer}:99999", "../../etc/passwd", "", "TRL-0007", "x" * 128):
        raw = body(kit)
        headers = reshaped(kit, raw, r'keyid="[^"]*"', f'keyid="{keyid}"')
        refused(kit.http.post(ALERTS, content=raw, headers=headers), 401, "bad-signature")


@check("s.keyid")
def nothing_is_parsed_before_the_signature_holds(kit: Kit) -> None:
    """A body that is no JSON at all is told about its signature."""
    for path in (ALERTS, BULK, KEYS):
        for raw in (b"{", b"[" * 3000, b'{"a":1,"a":2}', b"\xff"):
            headers = kit.headers(path, raw) | {"Signature": "sig1=:" + "B" * 86 + "==:"}
            refused(kit.http.post(path, content=raw, headers=headers), 401, "bad-signature")
            plain = {"Content-Type": "application/json"}
            refused(kit.http.post(path, content=raw, headers=plain), 401, "bad-signature")


@check("s.resign", "s.trailer")
def a_buffered_alert_is_signed_again_when_it_is_sent(kit: Kit) -> None:
    """``occurred_at`` may be minutes old under a signature of now; the body's trailer must be the key's."""
    said = kit.gunshot()
    first = kit.post(said)
    again = kit.post(said)
    assert (first.status_code, again.status_code) == (201, 200)
    other = "TRL-9998" if kit.trailer != "TRL-9998" else "TRL-9997"
    refused(kit.post(kit.gunshot(trailer=other)), 403, "wrong-trailer")


@check("s.label")
def the_label_is_sig1(kit: Kit) -> None:
    """The same signature under another label is none."""
    raw = body(kit)
    headers = kit.headers(ALERTS, raw)
    for name in ("Signature-Input", "Signature"):
        headers[name] = headers[name].replace("sig1=", "sig2=", 1)
    refused(kit.http.post(ALERTS, content=raw, headers=headers), 401, "bad-signature")
    assert CHANNEL.endswith("/")
