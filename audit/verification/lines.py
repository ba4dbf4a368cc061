"""Each line by itself and in its two chains: bytes, hash, columns, counts, clock, details."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.utils.translation import gettext as _

from audit.entry import MAX_INTEGER
from audit.verification.details import Details
from audit.verification.findings import Finding

#: A time that Python can't hold is no time of this log; it is read as NULL, which no line says.
TOLD_AT = "CASE WHEN at > '0001-01-03Z' AND at < '9999-12-29Z' THEN at END"
COLUMNS = (
    f"idx, line, leaf, uid, {TOLD_AT}, actor, verb, object, agency, outcome, cad, actor_agency, name, reason"
)
ROWS = f"SELECT {COLUMNS} FROM audit_log WHERE idx >= %s AND idx < %s ORDER BY idx"
MEMBERS = {"e", "i", "na", "no", "pa", "po", "t"}
#: docs/audit-format.md: a line lags the newest before it by at most this.
LAG = timedelta(seconds=300)
#: Lines before a slice that tell how far the clock had come.
CLOCK_ROWS = 2_000
#: Not from before a halt that people ended: time began anew there.
CLOCK = f"""
SELECT max({TOLD_AT}) FROM audit_log WHERE idx < %(start)s AND idx >= greatest(%(start)s - {CLOCK_ROWS},
    (SELECT max(idx) FROM audit_log WHERE verb = 'log.halt' AND idx < %(start)s))
"""
#: The count as text from the line's end: a line that is no JSON any more must not end the query. NULL there.
NEWEST = """
SELECT wanted.key, found.idx, substring(found.line FROM
    '"na":{na},"no":{no},"pa":(?:[0-9]+|null),"po":(?:[0-9]+|null),"t":"[^"]*"\\}}$')::bigint
FROM unnest(%s::text[]) AS wanted(key)
CROSS JOIN LATERAL (
    SELECT idx, line FROM audit_log WHERE {column} = wanted.key AND idx < %s ORDER BY idx DESC LIMIT 1
) AS found
"""
CARRIED = "SELECT key, idx, total FROM audit_carried WHERE kind = %s AND key = ANY(%s)"
#: Keys kept in memory; past it the log itself is asked again.
REMEMBERED = 200_000

#: A count in NEWEST: the one asked for is captured, the other passed by.
_CAPTURED, _PASSED = "([0-9]{1,18})", "[0-9]+"
_LENGTH_OF_TIME = len("2026-01-01T00:00:00.000000Z")

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode


class Row(NamedTuple):
    """One row of the log with every column that is generated from its line."""

    idx: int
    line: str
    leaf: bytes
    uid: UUID
    at: datetime
    actor: str
    verb: str
    object: str
    agency: str
    outcome: str
    cad: str | None
    actor_agency: str
    name: str | None
    reason: str | None


class Chain:
    """The newest line of each actor (or object) before the line in hand."""

    def __init__(self, connection: psycopg.Connection[Any], kind: str, start: int) -> None:
        self.connection = connection
        self.kind = kind
        #: Index and count; no count where an earlier slice has a line that can't be read.
        self.last: dict[str, tuple[int, int | None]] = {}
        #: True while ``last`` holds every key there is: nothing lies before the start, nothing was let go.
        self.complete = start == 0
        counts = (_CAPTURED, _PASSED) if kind == "actor" else (_PASSED, _CAPTURED)
        self._newest = NEWEST.format(column=kind, na=counts[0], no=counts[1])

    def recall(self, keys: Iterable[str], before: int) -> None:
        """Ask the log for the newest lines of keys not met yet, below ``before``."""
        if len(self.last) > REMEMBERED:
            self.complete = False
            self.last.clear()
        unknown = [] if self.complete else [key for key in set(keys) if key not in self.last]
        if not unknown:
            return
        for key, idx, total in self.connection.execute(self._newest, [unknown, before]):
            self.last[key] = (idx, total)
        pruned = [key for key in unknown if key not in self.last]
        for key, idx, total in self.connection.execute(CARRIED, [self.kind, pruned]) if pruned else ():
            if idx < before:
                self.last[key] = (idx, total)

    def judge(self, key: str, idx: int, previous: int | None, count: int) -> Finding | None:
        """Compare what the line says with what came before it, and go on from what it says."""
        last, total = self.last.get(key, (None, 0))
        if total is None:
            total = count - 1
        self.last[key] = (idx, count)
        if (previous, count) == (last, total + 1):
            return None
        words = {"idx": idx, "key": key, "count": count, "previous": previous, "last": last, "total": total}
        if count > total + 1:
            return Finding(
                "missing",
                idx,
                _(
                    "Before entry %(idx)s, at least one entry about %(key)s is missing: this is number "
                    "%(count)s, after entry %(previous)s, but the log has %(total)s, the last being %(last)s."
                )
                % words,
            )
        return Finding(
            "line",
            idx,
            _(
                "Entry %(idx)s says it is number %(count)s about %(key)s, after entry %(previous)s; by the "
                "log it comes after number %(total)s, entry %(last)s."
            )
            % words,
        )


class Lines:
    """Checks lines in ascending order. ``findings`` grows; ``actors`` and ``objects`` are the two chains."""

    def __init__(self, connection: psycopg.Connection[Any], start: int, details: Details) -> None:
        self.findings: list[Finding] = []
        self.actors = Chain(connection, "actor", start)
        self.objects = Chain(connection, "object", start)
        self.expected = start
        self._details = details
        self._newest = self._clock_before(connection, start)

    def read(self, connection: psycopg.Connection[Any], start: int, end: int) -> list[Row]:
        """Return the rows of lines ``start`` to ``end`` - 1, ready to be checked one by one."""
        rows = [Row(*row) for row in connection.execute(ROWS, [start, end])]
        self.actors.recall((row.actor for row in rows), start)
        self.objects.recall((row.object for row in rows), start)
        return rows

    def check(self, row: Row) -> bytes:
        """Check one line, and return its stored hash; one that is not of its bytes is a finding."""
        if row.idx != self.expected:
            self._gap(row.idx)
        self.expected = row.idx + 1
        raw = row.line.encode()
        hashed = sha256(b"\x00" + raw).digest()
        if hashed != row.leaf:
            self._found("line", row.idx, _("Entry %(idx)s is not what was sealed: its hash differs."))
        try:
            line = json.loads(row.line)
            _check_members(line)
            entry = line["e"]
            told, uid = _columns(entry), entry["uid"]
            at = datetime.fromisoformat(line["t"])
            canonical = _encode(line) == row.line and line["i"] == row.idx
            self._details.note(row.idx, entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._found("line", row.idx, _("Entry %(idx)s can't be read: it is not one of this log's lines."))
            return row.leaf
        if not canonical:
            self._found("line", row.idx, _("Entry %(idx)s is not canonical, or bears another number."))
        if told != row[5:] or uid != str(row.uid) or at != row.at:
            self._found(
                "line", row.idx, _("The columns that pages search by say something else than entry %(idx)s.")
            )
        self._chains(row, line)
        if entry["verb"] == "log.halt":
            # Two people let the log go on, perhaps because of its clock: time begins anew here.
            self._newest = None
        self._clock(row.idx, at)
        return row.leaf

    def end(self, until: int) -> None:
        """Say what is missing between the last line seen and ``until``."""
        if self.expected < until:
            self._gap(until)

    def _chains(self, row: Row, line: dict[str, Any]) -> None:
        for chain, key, previous, count in (
            (self.actors, row.actor, line["pa"], line["na"]),
            (self.objects, row.object, line["po"], line["no"]),
        ):
            finding = chain.judge(key, row.idx, previous, count)
            if finding:
                self.findings.append(finding)

    def _clock(self, idx: int, at: datetime) -> None:
        if self._newest is None or at > self._newest:
            self._newest = at
        elif self._newest - at > LAG:
            self._found(
                "clock",
                idx,
                _("Entry %(idx)s is over 300 s older than one before it: a clock ran backwards."),
            )

    def _gap(self, idx: int) -> None:
        words = {"first": self.expected, "last": idx - 1}
        sentence = (
            _("Entry %(first)s is missing.")
            if idx - self.expected == 1
            else _("Entries %(first)s to %(last)s are missing.")
        )
        self.findings.append(Finding("missing", self.expected, sentence % words))

    def _found(self, code: str, idx: int, sentence: str) -> None:
        self.findings.append(Finding(code, idx, sentence % {"idx": idx}))

    @staticmethod
    def _clock_before(connection: psycopg.Connection[Any], start: int) -> datetime | None:
        row = connection.execute(CLOCK, {"start": start}).fetchone()
        return row[0] if row else None


def _check_members(line: Any) -> None:
    """Refuse what is no line: members or types of members differ. Errors: ValueError, AttributeError."""
    if line.keys() != MEMBERS or not isinstance(line["e"], dict):
        raise ValueError("members")
    for name in ("i", "na", "no", "pa", "po"):
        value = line[name]
        if value is None and name in ("pa", "po"):
            continue
        # True is an int, and 1.0 equals 1.
        if type(value) is not int or not 0 <= value <= MAX_INTEGER:
            raise ValueError(name)
    if not isinstance(line["t"], str) or len(line["t"]) != _LENGTH_OF_TIME or line["t"][-1] != "Z":
        raise ValueError("t")


def _columns(entry: dict[str, Any]) -> tuple[Any, ...]:
    """Return what the database must have generated from the entry, in the order of ``Row``."""
    actor, ref, reason = entry["actor"], entry["object"], entry.get("reason") or {}
    return (
        actor["id"],
        entry["verb"],
        f"{ref['type']}:{ref['id']}",
        ref["agency"],
        entry["outcome"]["result"],
        reason.get("cad"),
        actor.get("agency") or "",
        actor.get("name"),
        reason.get("code"),
    )
