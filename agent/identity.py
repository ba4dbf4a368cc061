"""Who this trailer is: its key and what the enrolment answered, in the state directory, readable by the
agent only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.client import enrol
from agent.signing import unb64url
from agent.trailer import Config, authority_of

CAPABILITIES = ["acoustic", "alpr", "ptz", "speaker", "power"]


def write_private(path: Path, data: bytes) -> None:
    """Replace a file with mode 0600, whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def console_keys(rows: Iterable[Mapping[str, Any]]) -> dict[str, bytes]:
    """Return kid -> 32 raw bytes; raises ``ValueError`` when a key is not one."""
    keys = {str(row["kid"]): unb64url(str(row["public_key"])) for row in rows}
    if not keys or any(len(raw) != 32 for raw in keys.values()):
        raise ValueError("the console's command keys are missing or not Ed25519")
    return keys


async def enrol_trailer(
    state_dir: Path, console_url: str, token: str, serial: str, authority: str
) -> dict[str, Any]:
    """Make a fresh key, enrol it and keep the answer; the private key never leaves this directory.

    The key is on disk before the token is spent, and takes its place only when the console has accepted it.
    Raises ``client.Refusal`` or ``ValueError``.
    """
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(state_dir / "device.key.pending", pem)
    answer = await enrol(console_url, token, key, serial=serial, capabilities=CAPABILITIES)
    console_keys(answer["console_keys"])
    identity = {
        "trailer": answer["trailer"], "keyid": answer["keyid"], "console_keys": answer["console_keys"],
        "console_url": console_url, "authority": authority or authority_of(console_url),
    }  # fmt: skip
    (state_dir / "device.key.pending").replace(state_dir / "device.key")
    write_private(state_dir / "identity.json", json.dumps(identity, indent=1).encode())
    return identity


def load_config(state_dir: Path, console_url: str = "", authority: str = "") -> Config:
    """Read what the enrolment left; raises ``FileNotFoundError`` before one."""
    identity = json.loads((state_dir / "identity.json").read_text("utf-8"))
    return Config(
        trailer=identity["trailer"],
        keyid=identity["keyid"],
        private_key_file=state_dir / "device.key",
        console_url=console_url or identity["console_url"],
        console_keys=console_keys(identity["console_keys"]),
        state_dir=state_dir,
        authority=authority or identity["authority"],
    )
