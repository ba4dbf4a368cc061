"""One sealed line: pure functions, the same bytes on every machine."""

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from audit.entry import VERSION, BadEntry, Ref, canonical, validate

#: A line's time may lag the newest before it by so much; more is a clock that ran backwards.
MAX_LAG = timedelta(seconds=300)
#: Only the sequencer writes these. In the inbox they are somebody's attempt to speak in its name.
OWN_VERBS = frozenset({"log.genesis", "log.rotate", "log.halt", "log.resume", "system.malformed"})
_PARTITION = re.compile(r"log:partition:(0|[1-9][0-9]{0,8})\Z")
SEQUENCER = {"kind": "system", "id": "sequencer"}
LOG = Ref("log", "audit")


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


class Sealable(NamedTuple):
    """An entry on its way into a line: ``body`` is the canonical text of ``entry``."""

    entry: dict[str, Any]
    body: str

    @property
    def actor(self) -> str:
        """Return what ``audit_log.actor`` generates from the line."""
        return str(self.entry["actor"]["id"])

    @property
    def object(self) -> str:
        """Return what ``audit_log.object`` generates from the line."""
        return f"{self.entry['object']['type']}:{self.entry['object']['id']}"


def parse(row: Waiting, size: int = 0) -> Sealable:
    """Return the entry in ``row``; one that is not canonical and valid comes back wrapped, never dropped.

    size: how many lines the log has; only a part of it that is full can have been pruned.
    """
    try:
        entry = json.loads(row.body)
        validate(entry)
        if canonical(entry) != row.body:
            raise BadEntry("not-canonical")
        if entry["uid"] != str(row.uid):
            raise BadEntry("uid")
        if entry["verb"] in OWN_VERBS:
            raise BadEntry("reserved-verb")
        if entry["verb"] == "log.prune" and not _is_full(entry["object"], size):
            raise BadEntry("object")
    except BadEntry as error:
        return _wrapped(row, error.code)
    except (ValueError, RecursionError):
        return _wrapped(row, "not-json")
    return Sealable(entry, row.body)


def _is_full(ref: dict[str, str], size: int) -> bool:
    """True when ``ref`` names a partition (2^20 lines) below the log's end."""
    named = _PARTITION.match(f"{ref['type']}:{ref['id']}")
    return named is not None and (int(named[1]) + 1) << 20 <= size


def line(body: str, idx: int, at: datetime, actor: Last | None, ref: Last | None) -> str:
    """Return the canonical line around a canonical ``body``: its keys are in order as they stand here.

    at: the inbox's own time, or see ``written_at``; t: the same, UTC, to the microsecond. pa, po: index
    of this actor's and this object's previous entry (null for the first). na, no: how many they have,
    this one included.
    """
    na, no = actor.total + 1 if actor else 1, ref.total + 1 if ref else 1
    pa, po = actor.idx if actor else "null", ref.idx if ref else "null"
    t = at.astimezone(UTC).isoformat(timespec="microseconds")[:26]
    return f'{{"e":{body},"i":{idx},"na":{na},"no":{no},"pa":{pa},"po":{po},"t":"{t}Z"}}'


def written_at(at: datetime, newest: datetime | None, now: datetime) -> datetime:
    """Return the time of a line.

    That of its writing; but an entry whose transaction stayed open for more than 300 s has the time at
    which it got its place (``now``, by the same clock), or it would look like a clock run backwards. One
    written while the clock was wrong, over 300 s ahead of now, likewise: it would make all after it look so.
    """
    late = newest is not None and at < newest - MAX_LAG
    return now if late or at > now + MAX_LAG else at


def genesis(uid: UUID) -> Sealable:
    """Return the log's first entry."""
    return _sealable(_own(uid, "log.genesis", LOG, {"result": "allowed"}))


def rotation(uid: UUID, vkey: str) -> Sealable:
    """Return the entry that names the key which signs from here on."""
    return _sealable(_own(uid, "log.rotate", LOG, {"result": "allowed"}) | {"vkey": vkey})


def halted(uid: UUID, fault: str) -> Sealable:
    """Return the entry that says why this log had halted."""
    return _sealable(_own(uid, "log.halt", LOG, {"result": "failed", "code": fault}))


def resumed(uid: UUID, halt: UUID, reason: str, officer: str, second: str) -> Sealable:
    """Return the entry of the two people who let it go on: the officer acts, the second stands by it."""
    entry = _own(uid, "log.resume", LOG, {"result": "allowed"}) | {
        "actor": {"kind": "person", "id": officer, "auth": "console"},
        "reason": {"code": reason, "authority": f"second person: {second}"},
        "parent": str(halt),
    }
    return _sealable(entry)


def _wrapped(row: Waiting, fault: str) -> Sealable:
    """Keep a malformed body exactly as it came, inside an entry of the sequencer's own."""
    outcome = {"result": "failed", "code": fault.lower().replace(" ", "-")}
    entry = _own(row.uid, "system.malformed", Ref("inbox", str(row.seq)), outcome)
    return _sealable(entry | {"raw": row.body})


def _sealable(entry: dict[str, Any]) -> Sealable:
    return Sealable(entry, canonical(entry))


def _own(uid: UUID, verb: str, ref: Ref, outcome: dict[str, str]) -> dict[str, Any]:
    return {
        "v": VERSION,
        "uid": str(uid),
        "actor": dict(SEQUENCER),
        "verb": verb,
        "object": asdict(ref),
        "outcome": outcome,
    }
