"""One sealed line: pure functions, the same bytes on every machine."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from audit.entry import VERSION, BadEntry, Ref, canonical, validate

#: A line's time may lag the newest before it by so much; more is a clock that ran backwards.
MAX_LAG = timedelta(seconds=300)
#: Only the sequencer writes these. In the inbox they are somebody's attempt to speak in its name.
OWN_VERBS = frozenset({"log.genesis", "log.rotate", "log.halt", "log.resume", "system.malformed"})
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
        if entry["verb"] in OWN_VERBS:
            raise BadEntry("reserved-verb")
    except BadEntry as error:
        return _wrapped(row, error.code)
    except (ValueError, RecursionError):
        return _wrapped(row, "not-json")
    return dict(entry)


def line(entry: dict[str, Any], idx: int, at: datetime, actor: Last | None, ref: Last | None) -> str:
    """Return the canonical line.

    at: the inbox's own time, or see ``written_at``; t: the same, UTC, to the microsecond. pa, po: index
    of this actor's and this object's previous entry (null for the first). na, no: how many they have,
    this one included.
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


def written_at(at: datetime, newest: datetime | None, now: datetime) -> datetime:
    """Return the time of a line.

    That of its writing; but an entry whose transaction stayed open for more than 300 s has the time at
    which it got its place (``now``, by the same clock), or it would look like a clock run backwards.
    """
    return now if newest is not None and at < newest - MAX_LAG else at


def actor_key(entry: dict[str, Any]) -> str:
    """Return what ``audit_log.actor`` generates from the entry."""
    return str(entry["actor"]["id"])


def object_key(entry: dict[str, Any]) -> str:
    """Return what ``audit_log.object`` generates from the entry."""
    return f"{entry['object']['type']}:{entry['object']['id']}"


def genesis(uid: UUID) -> dict[str, Any]:
    """Return the log's first entry."""
    return _own(uid, "log.genesis", Ref("log", "audit"), {"result": "allowed"})


def rotation(uid: UUID, vkey: str) -> dict[str, Any]:
    """Return the entry that names the key which signs from here on."""
    return _own(uid, "log.rotate", Ref("log", "audit"), {"result": "allowed"}) | {"vkey": vkey}


def halted(uid: UUID, fault: str) -> dict[str, Any]:
    """Return the entry that says why this log had halted."""
    return _own(uid, "log.halt", Ref("log", "audit"), {"result": "failed", "code": fault})


def resumed(uid: UUID, halt: UUID, reason: str, officer: str, second: str) -> dict[str, Any]:
    """Return the entry of the two people who let it go on: the officer acts, the second stands by it."""
    entry = _own(uid, "log.resume", Ref("log", "audit"), {"result": "allowed"})
    return entry | {
        "actor": {"kind": "person", "id": officer, "auth": "console"},
        "reason": {"code": reason, "authority": f"second person: {second}"},
        "parent": str(halt),
    }


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
