"""RFC 9421 request signatures with Ed25519: the one fixed profile of the trailer contract (v1).

Only the profile is written here, not the whole RFC: label ``sig1``, a fixed list of covered components, the
tag ``csrp-device-v1`` and a SHA-256 ``Content-Digest`` (RFC 9530). The tests verify every form with an
independent implementation. A fixed profile leaves nothing to configure wrongly on a device that nobody
visits.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LABEL = "sig1"
TAG = "csrp-device-v1"
LIFETIME_S = 60
NONCE_BYTES = 24
BODILESS = ("@method", "@authority", "@path", "@query")
WITH_BODY = (*BODILESS, "content-digest", "content-type")


def b64url(data: bytes) -> str:
    """Return base64url without padding, the form of keys and proofs in the contract."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """Decode base64url with or without padding; raises ``ValueError`` on anything else."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def content_digest(body: bytes) -> str:
    """Return the RFC 9530 field value ``sha-256=:…:`` of a body."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read a PKCS 8 PEM Ed25519 key; raises ``ValueError`` for another kind of key."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} does not hold an Ed25519 key")
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 raw bytes of the public half."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


@dataclass(frozen=True)
class Signer:
    """Signs requests as one trailer key.

    ``authority`` is the console's public host (``host`` or ``host:port``): what the console believes it is
    called, which behind a proxy is not what the socket is connected to.
    """

    key: Ed25519PrivateKey
    keyid: str
    authority: str

    def headers(
        self,
        method: str,
        url: str,
        *,
        created: int,
        body: bytes | None = None,
        content_type: str = "application/json",
        nonce: str | None = None,
    ) -> dict[str, str]:
        """Return the headers to add to a request; ``created`` is in whole Unix seconds of the agent's clock.

        ``body=None`` means a bodiless request (also the WebSocket upgrade): no digest, no content type.
        """
        fields = {}
        if body is not None:
            fields = {"Content-Type": content_type, "Content-Digest": content_digest(body)}
        params = self._params(
            WITH_BODY if fields else BODILESS, created, nonce or b64url(secrets.token_bytes(NONCE_BYTES))
        )
        base = signature_base(method, self.authority, url, fields, params)
        signature = base64.b64encode(self.key.sign(base.encode("ascii"))).decode("ascii")
        return {**fields, "Signature-Input": f"{LABEL}={params}", "Signature": f"{LABEL}=:{signature}:"}

    def _params(self, components: tuple[str, ...], created: int, nonce: str) -> str:
        covered = " ".join(f'"{name}"' for name in components)
        return (
            f'({covered});created={created};expires={created + LIFETIME_S};nonce="{nonce}"'
            f';keyid="{self.keyid}";alg="ed25519";tag="{TAG}"'
        )


def signature_base(method: str, authority: str, url: str, fields: dict[str, str], params: str) -> str:
    """Return the RFC 9421 signature base (section 2.5) of one request in this profile."""
    parts = urlsplit(url)
    lines = [
        f'"@method": {method.upper()}',
        f'"@authority": {authority.lower()}',
        f'"@path": {parts.path or "/"}',
        f'"@query": ?{parts.query}',
    ]
    if fields:
        lines.append(f'"content-digest": {fields["Content-Digest"]}')
        lines.append(f'"content-type": {fields["Content-Type"]}')
    lines.append(f'"@signature-params": {params}')
    return "\n".join(lines)


def enrolment_proof(key: Ed25519PrivateKey, token: str) -> str:
    """Return the proof of possession: base64url Ed25519 over SHA-256(token bytes followed by public key
    bytes)."""
    return b64url(key.sign(hashlib.sha256(token.encode("utf-8") + public_bytes(key)).digest()))
