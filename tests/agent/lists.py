"""Plate lists as a console hands them out, signed with its key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import wire
from agent.signing import b64url

Entry = tuple[str, str, str, str]
TILL = "2099-01-01T00:00:00.000Z"


@dataclass
class Listed:
    """One version: entries of (entry id, plate, jurisdiction, category)."""

    version: int
    entries: Sequence[Entry]
    issued_at: datetime
    valid_to: datetime

    def head(self, key: Ed25519PrivateKey, since: int | None, adds: int, dels: int) -> dict[str, Any]:
        """The first line."""
        categories: dict[str, Any] = {}
        for name in sorted({entry[3] for entry in self.entries}):
            lines = [
                rfc8785.dumps({"c": c, "e": e, "j": j, "k": k, "p": None, "to": TILL})
                for e, k, j, c in sorted(self.entries)
                if c == name
            ]
            digest = hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()
            categories[name] = {"entries": len(lines), "sha256": digest}
        told = {"list_id": "mto-on", "issued_at": wire(self.issued_at), "valid_to": wire(self.valid_to)}
        state = rfc8785.dumps(
            {"schema": "csrp.hotlist/1", "version": self.version, "categories": categories, **told}
        )
        return told | {
            "from": since, "to": self.version, "adds": adds, "dels": dels, "kid": "console:1",
            "sha256_full": hashlib.sha256(state).hexdigest(), "sig": b64url(key.sign(state)),
        }  # fmt: skip

    def lines(self, key: Ed25519PrivateKey, before: Listed | None = None) -> list[str]:
        """The whole list, or the difference from a version before."""
        known = {} if before is None else {entry[0]: entry for entry in before.entries}
        adds = [
            {"op": "add", "e": e, "k": k, "j": j, "c": c, "p": None, "to": TILL}
            for e, k, j, c in self.entries
            if known.get(e) != (e, k, j, c)
        ]
        dels = [{"op": "del", "e": e} for e in known if e not in {entry[0] for entry in self.entries}]
        head = self.head(key, before and before.version, len(adds), len(dels))
        return [json.dumps(line) for line in [head, *dels, *adds]]

    def answer(self, console: Any, path: str, headers: dict[str, str]) -> tuple[int, Any, str]:
        """As the console answers over HTTP: only whole lists."""
        etag = f'"mto-on.{self.version}"'
        if headers.get("if-none-match") == etag:
            return 304, None, etag
        return 200, "".join(f"{line}\n" for line in self.lines(console.key)).encode(), etag


def listed(version: int, *entries: Entry) -> Listed:
    """A version issued now, over in a day."""
    now = datetime.now(UTC)
    return Listed(version, entries, now, now + timedelta(days=1))
