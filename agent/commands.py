"""Judging a command before anything moves: genuine, for this trailer, new, in time, and under its own alert.

The console checks all of this too. It is checked again here because the camera is here: a person who got
into the console's database still could not open it without the command key, nor without an alert that this
trailer raised.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.clock import AgentClock, parse
from agent.signing import unb64url
from agent.store import Store

log = logging.getLogger("agent.commands")

#: The contract's verbs; what this trailer has no hardware for is refused when it is run (`verbs.py`).
VERBS = frozenset(
    {
        "ptz.move", "ptz.stop", "ptz.preset", "ptz.slew", "stream.start", "stream.renew", "stream.stop",
        "speaker.play", "speaker.stop", "module.off", "deactivate", "self.test", "ping",
    }
)  # fmt: skip
# A stop needs no lock: whatever the reason, less watching is always allowed.
CAMERA_VERBS = frozenset({"stream.start", "stream.renew", "ptz.move", "ptz.preset", "ptz.slew"})
#: What ends something, and may be done twice.
ENDS = frozenset({"ptz.stop", "stream.stop", "speaker.stop", "module.off", "deactivate"})
MAX_AHEAD = timedelta(seconds=30)


@dataclass(frozen=True)
class Command:
    """A command whose form was read; nothing about it is believed yet."""

    id: str
    seq: int
    trailer: str
    name: str
    alert: str | None
    issued_at: datetime
    expires_at: datetime
    args: Mapping[str, Any]
    message: Mapping[str, Any]


@dataclass(frozen=True)
class Ack:
    """What to tell the console: ``status`` and, for a refusal or a failure, its code."""

    cmd: str
    status: str
    code: str | None = None

    def wire(self) -> dict[str, Any]:
        """Return the channel message."""
        return {"t": "ack", "cmd": self.cmd, "status": self.status} | (
            {"code": self.code} if self.code else {}
        )


def loads(text: str) -> dict[str, Any]:
    """Parse one channel message; a duplicate key could mean two things to two readers, so it raises
    ``ValueError``."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in items}) != len(items):
            raise ValueError("duplicate key")
        return dict(items)

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a JSON number")

    message = json.loads(text, object_pairs_hook=pairs, parse_constant=refuse)
    if not isinstance(message, dict):
        raise ValueError("not an object")
    return message


def read(message: Mapping[str, Any]) -> Command:
    """Read a ``cmd`` message; raises ``ValueError`` when a field is missing or of the wrong type."""
    try:
        command = Command(
            id=message["id"], seq=message["seq"], trailer=message["trailer"], name=message["name"],
            alert=message.get("alert"), issued_at=parse(message["issued_at"]),
            expires_at=parse(message["expires_at"]), args=message.get("args") or {}, message=message,
        )  # fmt: skip
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"a command without {error}") from error
    strings = (command.id, command.trailer, command.name)
    if not all(isinstance(value, str) and value for value in strings) or not isinstance(command.args, dict):
        raise ValueError("a command field of the wrong type")
    if not isinstance(command.seq, int) or isinstance(command.seq, bool) or command.seq < 1:
        raise ValueError("a command without a number")
    if command.alert is not None and not isinstance(command.alert, str):
        raise ValueError("an alert that is no id")
    return command


class Gate:
    """Decides once per command, and remembers on disk before anything runs: at most once, also across a
    power cut."""

    def __init__(
        self,
        store: Store,
        trailer: str,
        console_keys: Mapping[str, bytes],
        raised: Callable[[str], bool],
        clock: AgentClock,
    ) -> None:
        self.store = store
        self.trailer = trailer
        self.keys = {kid: Ed25519PublicKey.from_public_bytes(raw) for kid, raw in console_keys.items()}
        self.raised = raised
        self.clock = clock

    def genuine(self, command: Command) -> bool:
        """Tell whether a console key from the enrolment signed exactly this message."""
        key = self.keys.get(str(command.message.get("kid")))
        unsigned = {name: value for name, value in command.message.items() if name != "sig"}
        try:
            if key is None:
                return False
            key.verify(unb64url(str(command.message.get("sig"))), rfc8785.dumps(unsigned))
        except (InvalidSignature, ValueError):
            return False
        return True

    def judge(self, command: Command) -> Ack | None:
        """Return None when the command may run now, else the answer that ends it.

        Nothing unproven is remembered: a forged number must not make the genuine one look old.
        """
        if command.trailer != self.trailer:
            return Ack(command.id, "refused", "wrong-trailer")
        if not self.genuine(command):
            return Ack(command.id, "refused", "bad-signature")
        known = self.store.db.execute(
            "SELECT status, code FROM command WHERE id = ?", (command.id,)
        ).fetchone()
        if known:
            return Ack(command.id, known[0], known[1])
        if command.seq <= self.store.counter(f"command:{self.trailer}"):
            return Ack(command.id, "refused", "old-seq")
        ack = self._permit(command)
        try:
            self._remember(command, ack)
        except sqlite3.Error:
            # Nothing begins that a disk can't remember; an end does no harm twice, and may not wait for room.
            if command.name not in ENDS:
                raise
            log.error("%s could not be remembered and runs all the same", command.name)
        return ack

    def finish(self, ack: Ack) -> None:
        """Remember how a command ended, so that a repeat is answered and never run."""
        try:
            self.store.db.execute(
                "UPDATE command SET status = ?, code = ? WHERE id = ?", (ack.status, ack.code, ack.cmd)
            )
        except sqlite3.Error as error:
            # It ran: the console hears of it all the same.
            log.error("how a command ended could not be kept: %s", type(error).__name__)

    def _permit(self, command: Command) -> Ack | None:
        now = self.clock.now()
        if command.expires_at <= now:
            return Ack(command.id, "expired")
        if command.issued_at > now + MAX_AHEAD:
            return Ack(command.id, "refused", "clock-skew")
        if command.name in CAMERA_VERBS and not (command.alert and self.raised(command.alert)):
            return Ack(command.id, "refused", "unknown-alert")
        if command.name not in VERBS:
            return Ack(command.id, "refused", "unsupported")
        return None

    def _remember(self, command: Command, ack: Ack | None) -> None:
        status, code = (ack.status, ack.code) if ack else ("received", None)
        at = self.clock.now().timestamp()
        with self.store.transaction() as db:
            self.store.set_counter(f"command:{self.trailer}", command.seq)
            db.execute(
                "INSERT INTO command VALUES (?, ?, ?, ?, ?)", (command.id, command.seq, status, code, at)
            )
            db.execute("DELETE FROM command WHERE at < ?", (at - 7 * 86400,))
