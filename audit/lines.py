"""One sealed line and its leaf hash: pure functions, the same bytes on every machine."""

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from audit.entry import VERSION, BadEntry, Ref, canonical, validate

#: RFC 6962 2.1: a leaf and an inner node never hash alike.
LEAF_PREFIX = b"\x00"
SEQUENCER = {"kind": "system", "id": "sequencer"}


class Waiting(NamedTuple):
    """One row of the inbox."""

    seq: int
    uid: UUID
    body: str
    at: datetime


class Last(NamedTuple):
    """An actor's or an object's newest entry and how many there are up to it."""

    idx: int
    total: int


def parse(row: Waiting) -> dict[str, Any]:
    """Return the entry in ``row``; one that is not canonical and valid comes back wrapped, never dropped."""
    try:
        entry = json.loads(row.body)
        validate(entry)
        if canonical(entry) != row.body:
            raise BadEntry("not-canonical")
        if entry["uid"] != str(row.uid):
            raise BadEntry("uid")
    except BadEntry as error:
        return _wrapped(row, error.code)
    except (ValueError, RecursionError):
        return _wrapped(row, "not-json")
    return dict(entry)


def line(entry: dict[str, Any], idx: int, at: datetime, actor: Last | None, ref: Last | None) -> str:
    """Return the canonical line.

    t: the inbox's own time, UTC, to the microsecond. pa, po: index of this actor's and this object's
    previous entry (null for the first). na, no: how many they have, this one included.
    """
    return canonical(
        {
            "e": entry,
            "i": idx,
            "na": actor.total + 1 if actor else 1,
            "no": ref.total + 1 if ref else 1,
            "pa": actor.idx if actor else None,
            "po": ref.idx if ref else None,
            "t": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
    )


def leaf(text: str) -> bytes:
    """Return the RFC 6962 leaf hash of a line."""
    return hashlib.sha256(LEAF_PREFIX + text.encode()).digest()


def actor_key(entry: dict[str, Any]) -> str:
    """Return what ``audit_log.actor`` generates from the entry."""
    return str(entry["actor"]["id"])


def object_key(entry: dict[str, Any]) -> str:
    """Return what ``audit_log.object`` generates from the entry."""
    return f"{entry['object']['type']}:{entry['object']['id']}"


def genesis(uid: UUID) -> dict[str, Any]:
    """Return the log's first entry."""
    return _own(uid, "log.genesis", Ref("log", "audit"), {"result": "allowed"})


def _wrapped(row: Waiting, fault: str) -> dict[str, Any]:
    """Keep a malformed body exactly as it came, inside an entry of the sequencer's own."""
    outcome = {"result": "failed", "code": fault.lower().replace(" ", "-")}
    return _own(row.uid, "system.malformed", Ref("inbox", str(row.seq)), outcome) | {"raw": row.body}


def _own(uid: UUID, verb: str, ref: Ref, outcome: dict[str, str]) -> dict[str, Any]:
    return {
        "v": VERSION,
        "uid": str(uid),
        "actor": dict(SEQUENCER),
        "verb": verb,
        "object": asdict(ref),
        "outcome": outcome,
    }
