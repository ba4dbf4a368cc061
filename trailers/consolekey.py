"""The console's own key: every command is signed, so a stolen socket can't speak for the console."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from csoc.lib import canonical, keyfiles

KID = "console:1"


@cache
def _load(path: Path) -> Ed25519PrivateKey:
    return keyfiles.load_or_create_ed25519(path)


def _key() -> Ed25519PrivateKey:
    return _load(Path(settings.DATA_DIR) / "keys" / "console" / "console-1.pem")


def b64url(raw: bytes) -> str:
    """Return base64url without padding, the form of keys and signatures in the contract."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_keys() -> list[dict[str, str]]:
    """Return `[{"kid","public_key"}]`, what a trailer is told at enrolment."""
    return [
        {"kid": KID, "public_key": b64url(_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))}
    ]


def signed(message: dict[str, Any]) -> dict[str, Any]:
    """Return `message` with `kid` and `sig`: Ed25519 over the RFC 8785 form without `sig`, base64url."""
    whole = {**message, "kid": KID}
    return {**whole, "sig": sign(canonical.dumps(whole))}


def sign(raw: bytes) -> str:
    """Return the Ed25519 signature of ``KID`` over exactly these bytes, base64url."""
    return b64url(_key().sign(raw))
