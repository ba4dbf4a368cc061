"""Keys as files: written whole or not at all, readable by the agent only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.signing import unb64url


def write_private(path: Path, data: bytes) -> None:
    """Replace a file with mode 0600, whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def pem_of(key: Ed25519PrivateKey) -> bytes:
    """Return a private key as PKCS 8 in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def console_keys(rows: Iterable[Mapping[str, Any]]) -> dict[str, bytes]:
    """Return kid -> 32 raw bytes; raises ``ValueError`` when a key is not one."""
    keys = {str(row["kid"]): unb64url(str(row["public_key"])) for row in rows}
    if not keys or any(len(raw) != 32 for raw in keys.values()):
        raise ValueError("the console's command keys are missing or not Ed25519")
    return keys
