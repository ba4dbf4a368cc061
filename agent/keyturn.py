"""The trailer's next key: made here when two thirds of the present one's time are over, signed in with it.

Whatever happens on the way (a lost answer, a power cut between two files) the trailer comes out with a key
that the console knows: the next key is on disk before it is offered, offering it again is the same act for
the console, and the present key is forgotten only after the identity names its successor.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.client import Answer, Client
from agent.clock import parse
from agent.keyfiles import console_keys, pem_of, write_private
from agent.signing import Signer, b64url, load_private_key, public_bytes

log = logging.getLogger("agent.keyturn")

LOOK_EVERY_S = 3600.0
TRY_AGAIN_S = 600.0
#: A key is renewed when this part of its time is over: a year's key four months before its end.
PART = 2 / 3
#: How many numbers after the present key's an answer that was lost may have named.
NUMBERS = 3


class KeyTurn:
    """Renews the key of one trailer; `turned` is called after the signer is the new key's."""

    def __init__(self, state_dir: Path, client: Client, busy: Callable[[], bool], turned: Callable[[], Any]):
        self.state_dir = state_dir
        self.client = client
        self.busy = busy
        self.turned = turned
        self.refused: str | None = None
        self._wake = asyncio.Event()
        self._span = self._known_span()

    # -- when ------------------------------------------------------------------------------------------

    def learn(self, key: Any) -> None:
        """Take the beginning and the end of the present key from the console's `welcome`."""
        span = read_span(key)
        if span is None or span == self._span:
            return
        self._span = span
        self._keep({"key": {"from": key["from"], "until": key["until"]}})
        self._wake.set()

    def due(self) -> bool:
        """Tell whether it is time, or whether an earlier try has not come to its end."""
        if self._next.exists():
            return True
        if self._span is None:
            return False
        begin, end = self._span
        return self.client.clock.now() >= begin + (end - begin) * PART

    async def run(self) -> None:
        """Look once an hour, and when the console says how long the key is good; not while a camera sends."""
        while True:
            self._wake.clear()
            again = TRY_AGAIN_S if self.due() and not (self.busy() or await self._tried()) else LOOK_EVERY_S
            with suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._wake.wait()

    async def _tried(self) -> bool:
        try:
            return await self.turn()
        except OSError as error:
            # A full or dying disk: the present key is good for a long while yet.
            log.error("the next key could not be kept: %s", type(error).__name__)
            return False

    # -- how -------------------------------------------------------------------------------------------

    async def turn(self) -> bool:
        """Offer the next key; returns whether the trailer signs with it from now on."""
        key = self._next_key()
        answer = await self.client.post_key(
            {"public_key": b64url(public_bytes(key)), "proof": possession(key)}
        )
        self.refused = answer.code
        if answer.ok and isinstance(answer.body, dict):
            return await self._adopt(key, answer.body)
        if answer.code == "key-known":
            # It was somebody's before; a fresh one is made the next time.
            self._next.unlink(missing_ok=True)
        if answer.code == "bad-signature":
            return await self._was_taken(key)
        log.warning("the next key was not taken: %s %s", answer.status, answer.code or "")
        return False

    async def _was_taken(self, key: Ed25519PrivateKey) -> bool:
        """The present key has ended. The answer that named the next one was lost: find its number."""
        trailer, _, number = self.client.signer.keyid.rpartition(":")
        for n in range(int(number) + 1, int(number) + 1 + NUMBERS):
            signer = Signer(key, f"{trailer}:{n}", self.client.signer.authority)
            answer: Answer = await self.client.signed_by(signer).get_desired(None)
            if answer.ok or answer.status == 304:
                return await self._adopt(key, {"keyid": signer.keyid})
        return False

    async def _adopt(self, key: Ed25519PrivateKey, answer: Mapping[str, Any]) -> bool:
        """Sign with the next key from now on. Files first, in an order that any power cut may end."""
        keyid = str(answer.get("keyid"))
        trailer, _, number = keyid.rpartition(":")
        if trailer != self.client.signer.keyid.rpartition(":")[0] or not number.isdecimal():
            log.error("the console named a key that is not this trailer's")
            return False
        before, name = self._identity().get("key_file", "device.key"), f"device-{number}.key"
        write_private(self.state_dir / name, pem_of(key))
        changed: dict[str, Any] = {"keyid": keyid, "key_file": name, "key": None}
        with suppress(KeyError, ValueError, TypeError):
            console_keys(answer["console_keys"])
            changed["console_keys"] = answer["console_keys"]
        self._keep(changed)
        self._next.unlink(missing_ok=True)
        if before != name:
            (self.state_dir / before).unlink(missing_ok=True)
        self.client.signer = Signer(key, keyid, self.client.signer.authority)
        self._span = None
        log.warning("the key was renewed: %s", keyid)
        await self.turned()
        return True

    def _next_key(self) -> Ed25519PrivateKey:
        """Return the key of an earlier try, or a fresh one that is on disk before anybody hears of it."""
        with suppress(FileNotFoundError, ValueError):
            key = load_private_key(self._next)
            if public_bytes(key) != public_bytes(self.client.signer.key):
                return key
        key = Ed25519PrivateKey.generate()
        write_private(self._next, pem_of(key))
        return key

    # -- files -----------------------------------------------------------------------------------------

    @property
    def _next(self) -> Path:
        return self.state_dir / "device.key.next"

    def _identity(self) -> dict[str, Any]:
        return dict(json.loads((self.state_dir / "identity.json").read_text("utf-8")))

    def _keep(self, changed: Mapping[str, Any]) -> None:
        identity = {**self._identity(), **changed}
        write_private(self.state_dir / "identity.json", json.dumps(identity, indent=1).encode())

    def _known_span(self) -> tuple[datetime, datetime] | None:
        with suppress(FileNotFoundError, ValueError):
            return read_span(self._identity().get("key"))
        return None


def read_span(key: Any) -> tuple[datetime, datetime] | None:
    """Return the beginning and the end of a key as the console told them, None when it told none."""
    try:
        span = parse(str(key["from"])), parse(str(key["until"]))
    except (KeyError, TypeError, ValueError):
        return None
    return span if span[0] < span[1] else None


def possession(key: Ed25519PrivateKey) -> str:
    """Return the proof that goes with a rotation: the key's signature over SHA-256 of its public half."""
    return b64url(key.sign(hashlib.sha256(public_bytes(key)).digest()))
