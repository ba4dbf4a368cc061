"""Keys and secrets as files: written whole or not at all, readable by the agent only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.signing import unb64url

SECRET_MAX = 256


def write_private(path: Path, data: bytes) -> None:
    """Replace a file with mode 0600, whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_secret(path: Path) -> str:
    """Return the one line of a secret file, without the space around it; raises ``ValueError``.

    Its group may read it, because a service manager that hands over a secret shows it so (mode 0440); nobody
    else may, and nobody but its owner may write it.
    """
    try:
        # Opened first and looked at then: what is judged is what is read. A pipe would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            raw = file.read(SECRET_MAX + 1) if stat.S_ISREG(found.st_mode) else b""
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} is no file")
    if found.st_mode & 0o037:
        raise ValueError(f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):04o}): chmod 0600")
    try:
        text = raw.decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if not text.isprintable() or not text or len(raw) > SECRET_MAX:
        raise ValueError(f"{path} holds no secret: one line of plain signs, {SECRET_MAX} at most")
    return text


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
