"""Who this trailer is: its key and what the enrolment answered, in the state directory, readable by the
agent only."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.client import enrol
from agent.config import Config, authority_of
from agent.keyfiles import console_keys, pem_of, write_private
from agent.signing import load_private_key, public_bytes

CAPABILITIES = ["acoustic", "alpr", "ptz", "speaker", "power"]
SHEET_CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{52}")


def typed(token: str) -> str:
    """Return an enrolment code as the console made it, however it was typed from the sheet.

    Groups, small letters, and O, I and L for the digits they look like (Crockford's Base32) do not matter.
    What is not such a code is left as it is.
    """
    plain = "".join(token.replace("-", "").split()).upper().translate(str.maketrans("OIL", "011"))
    return plain if SHEET_CODE.fullmatch(plain) else token.strip()


def fingerprint_groups(key: Ed25519PrivateKey) -> str:
    """Return the SHA-256 of the public key in hex, in groups of four as the console shows it."""
    digits = hashlib.sha256(public_bytes(key)).hexdigest()
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def own_key(state_dir: Path) -> tuple[dict[str, Any], Ed25519PrivateKey]:
    """Return who this trailer is and its private key; raises ``FileNotFoundError`` before an enrolment."""
    identity = json.loads((state_dir / "identity.json").read_text("utf-8"))
    return identity, load_private_key(state_dir / identity.get("key_file", "device.key"))


async def enrol_trailer(
    state_dir: Path, console_url: str, token: str, serial: str, authority: str
) -> dict[str, Any]:
    """Make a fresh key, enrol it and keep the answer; the private key never leaves this directory.

    The key is on disk before the token is spent, and takes its place only when the console has accepted it.
    Raises ``client.Refusal`` or ``ValueError``.
    """
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    write_private(state_dir / "device.key.pending", pem_of(key))
    answer = await enrol(console_url, typed(token), key, serial=serial, capabilities=CAPABILITIES)
    console_keys(answer["console_keys"])
    identity = {
        "trailer": answer["trailer"], "keyid": answer["keyid"], "console_keys": answer["console_keys"],
        "console_url": console_url, "authority": authority or authority_of(console_url),
        "key_file": "device.key",
    }  # fmt: skip
    (state_dir / "device.key.pending").replace(state_dir / "device.key")
    write_private(state_dir / "identity.json", json.dumps(identity, indent=1).encode())
    # A rotation that was under way was the key's before this one.
    (state_dir / "device.key.next").unlink(missing_ok=True)
    return identity


def load_config(state_dir: Path, console_url: str = "", authority: str = "") -> Config:
    """Read what the enrolment left; raises ``FileNotFoundError`` before one."""
    identity = json.loads((state_dir / "identity.json").read_text("utf-8"))
    return Config(
        trailer=identity["trailer"],
        keyid=identity["keyid"],
        private_key_file=state_dir / identity.get("key_file", "device.key"),
        console_url=console_url or identity["console_url"],
        console_keys=console_keys(identity["console_keys"]),
        state_dir=state_dir,
        authority=authority or identity["authority"],
        renews_key=True,
    )
