"""Damage at rest: looks at tables, files and rights around the log, explains, and changes nothing.

``audit_verify`` proves the lines; this says why something does not run, and what a person may do about it.
Nodes follow from lines, so a missing one is recomputed and told; putting it back is the restore's work.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.utils.translation import gettext as _

from audit import checks, tree
from audit.checkpoints import read_witnesses
from audit.halt import SENTENCES
from audit.notes import BadNote, Checkpoint
from audit.verification import whole
from audit.verification.findings import STATUS
from audit.verification.signatures import Keyring

#: Older than this in the inbox, or without a checkpoint, is not a moment's delay.
LATE_S = 60
FEW_PARTITIONS = 2
TOLD = 10
GAPS = """
SELECT idx + 1, next - 1 FROM (SELECT idx, lead(idx) OVER (ORDER BY idx) AS next FROM audit_log) AS pairs
WHERE next <> idx + 1 LIMIT 10
"""
LOST_NODES = """
SELECT n FROM generate_series(0::bigint, %(last)s) AS n
WHERE NOT EXISTS (SELECT FROM audit_node WHERE level = %(level)s AND audit_node.n = n.n) LIMIT 10
"""
EXTRA_NODES = """
SELECT level, n FROM audit_node
WHERE n >= (SELECT coalesce(max(idx) + 1, 0) FROM audit_log) >> level LIMIT 10
"""
CHECKSUMS = """
SELECT current_setting('data_checksums'), coalesce(checksum_failures, 0) FROM pg_stat_database
WHERE datname = current_database()
"""
UNSIGNED = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0) FROM audit_log
WHERE idx >= (SELECT coalesce(max(size), 0) FROM audit_checkpoint)
"""


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the report. ``status``: 0 when all is well, otherwise the exit status it would give."""

    status: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie outside the database."""

    head: Path
    keys: Path
    witnesses: Path


def look(connection: psycopg.Connection[Any], places: Places) -> Iterator[Said]:
    """Yield what is so, one sentence each. Errors: database errors."""
    first, size = whole.ends(connection)
    yield from _inbox(connection)
    yield from _pulse(connection)
    yield from _partitions(connection)
    yield from _lines(connection, first, size)
    yield from _nodes(connection, first, size)
    yield from _checkpoints(connection, places.head)
    yield from _rights()
    yield from _keys(places.keys)
    yield from _witnesses(places.witnesses)


def _well(sentence: str) -> Said:
    return Said(0, sentence)


def _ill(code: str, sentence: str) -> Said:
    return Said(STATUS.get(code, 1), sentence)


def _inbox(connection: psycopg.Connection[Any]) -> Iterator[Said]:
    waiting, oldest_s = _row(connection, "SELECT waiting, oldest_s FROM audit_waiting()")
    words = {"n": waiting, "s": round(oldest_s)}
    if waiting and oldest_s > LATE_S:
        sentence = _(
            "%(n)s entries wait in the inbox, the oldest for %(s)s s: the sequencer does not move them."
        )
        yield _ill("", sentence % words)
    else:
        yield _well(_("Inbox: %(n)s waiting.") % words)


def _pulse(connection: psycopg.Connection[Any]) -> Iterator[Said]:
    query = "SELECT state, fault, extract(epoch FROM clock_timestamp() - at) FROM audit_pulse"
    row = connection.execute(query).fetchone()
    if row is None:
        yield _ill("", _("The sequencer has never started."))
    elif row[0] == "halted":
        why = SENTENCES.get(row[1], row[1])
        yield _ill(
            "fork", _("The log is halted: %(why)s See “The log has halted” in docs/audit.md.") % {"why": why}
        )
    elif row[2] > LATE_S:
        yield _ill("", _("The sequencer has been silent for %(s)s s. Start it.") % {"s": round(row[2])})
    else:
        yield _well(_("Sequencer: at work."))


def _partitions(connection: psycopg.Connection[Any]) -> Iterator[Said]:
    [left] = _row(connection, "SELECT audit_partitions_left()")
    words = {"n": left, "lines": f"{left << whole.PARTITION_BITS:,}"}
    if left <= FEW_PARTITIONS:
        sentence = _(
            "Only %(n)s partitions are left after the one in use. Add some: manage.py audit_partition."
        )
        yield _ill("", sentence % words)
    else:
        yield _well(_("Partitions: %(n)s more, room for over %(lines)s entries.") % words)


def _lines(connection: psycopg.Connection[Any], first: int, size: int) -> Iterator[Said]:
    for finding in whole.judge_beginning(connection, first):
        yield Said(finding.status, finding.sentence)
    gaps = connection.execute(GAPS).fetchall()
    for start, end in gaps:
        yield _ill("missing", _("Entries %(a)s to %(b)s are missing. Restore them.") % {"a": start, "b": end})
    checksums, failures = _row(connection, CHECKSUMS)
    if failures:
        yield _ill("line", _("PostgreSQL has found %(n)s pages with a wrong checksum.") % {"n": failures})
    elif checksums != "on":
        yield _well(
            _("PostgreSQL keeps no checksums of its pages: damage shows only when lines are verified.")
        )
    if not gaps:
        words = {"a": f"{first:,}", "b": f"{size:,}"}
        yield _well(_("Lines: from %(a)s up to, not including, %(b)s, without gaps.") % words)


def _nodes(connection: psycopg.Connection[Any], first: int, size: int) -> Iterator[Said]:
    ill = False
    for level in range(1, size.bit_length()):
        query = {"level": level, "last": (size >> level) - 1}
        for (n,) in connection.execute(LOST_NODES, query).fetchall():
            ill = True
            yield _ill("node", _lost(connection, first, level, n))
    for level, n in connection.execute(EXTRA_NODES).fetchall():
        ill = True
        words = {"level": level, "n": n}
        yield _ill("node", _("Node %(n)s of level %(level)s stands over lines that do not exist.") % words)
    if not ill:
        yield _well(_("Nodes: every full node is there."))


def _lost(connection: psycopg.Connection[Any], first: int, level: int, n: int) -> str:
    start, end = n << level, (n + 1) << level
    words = {"level": level, "n": n, "a": start, "b": end - 1}
    rows = connection.execute(
        "SELECT leaf FROM audit_log WHERE idx >= %s AND idx < %s ORDER BY idx", [start, end]
    ).fetchall()
    if start < first or len(rows) != end - start:
        return (
            _("Node %(n)s of level %(level)s is missing, and its lines are not all there: restore it.")
            % words
        )
    again = tree.Frontier()
    for (leaf,) in rows:
        again.append(bytes(leaf))
    sentence = _(
        "Node %(n)s of level %(level)s is missing. Its lines %(a)s to %(b)s are there and give %(hash)s. "
        "Nothing was written: the log only grows."
    )
    return sentence % (words | {"hash": again.root().hex()})


def _checkpoints(connection: psycopg.Connection[Any], head: Path) -> Iterator[Said]:
    # In one statement: between two the log may grow, and be signed.
    signed, size = _row(connection, whole.SIGNED)
    unsigned, late_s = _row(connection, UNSIGNED)
    words = {"signed": f"{signed:,}", "size": f"{size:,}", "n": unsigned, "s": round(late_s)}
    if signed > size:
        yield _ill(
            "rollback", _("A checkpoint of %(signed)s entries was signed; there are %(size)s.") % words
        )
    elif unsigned and late_s > LATE_S:
        yield _ill("", _("%(n)s entries have no checkpoint, the oldest for %(s)s s.") % words)
    else:
        yield _well(_("Signed: %(signed)s of %(size)s entries.") % words)
    yield from _head(connection, signed, head)


def _head(connection: psycopg.Connection[Any], signed: int, path: Path) -> Iterator[Said]:
    try:
        text = path.read_text("utf-8")
        seen = Checkpoint.parse(text.rpartition("\n\n")[0] + "\n")
    except FileNotFoundError:
        if signed:
            yield _ill("", _("The head file %(path)s is not there.") % {"path": path})
        return
    except PermissionError:
        yield _well(
            _("The head file belongs to another user: run this as the sequencer's user to compare it.")
        )
        return
    except (OSError, UnicodeDecodeError, BadNote) as error:
        yield _ill("note", _("The head file can't be read: %(why)s.") % {"why": error})
        return
    found = whole.judge_head(connection, path, Keyring.of(connection))
    for finding in found:
        yield Said(finding.status, finding.sentence)
    words = {"head": f"{seen.size:,}", "signed": f"{signed:,}"}
    if not found and seen.size < signed:
        sentence = _(
            "The head file is older (%(head)s) than the newest checkpoint (%(signed)s): it was put back."
        )
        yield _ill("rollback", sentence % words)
    elif not found:
        yield _well(_("Head file: %(head)s entries, and they are those of the database.") % words)


def _rights() -> Iterator[Said]:
    off, gone = checks.sleeping_triggers(), checks.missing_triggers()
    for table, trigger in [name.split(": ") for name in off[:TOLD]]:
        sentence = _("The trigger %(trigger)s on %(table)s is not always on: somebody switched it.")
        yield _ill("", sentence % {"trigger": trigger, "table": table})
    for table, trigger in [name.split(": ") for name in gone[:TOLD]]:
        sentence = _("The trigger %(trigger)s on %(table)s is not the one that was made: it was dropped.")
        yield _ill("", sentence % {"trigger": trigger, "table": table})
    faults = checks.faults("csoc_app")
    for fault in faults:
        yield _ill("", _("The role csoc_app could change the log (%(fault)s).") % {"fault": fault})
    if not off and not gone and not faults:
        yield _well(_("Rights: the app may only add; all triggers are there and on."))


def _keys(folder: Path) -> Iterator[Said]:
    """Modes of the log's key files. Nothing is said of what this user may not see."""
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        paths = [(folder, 0o700), *((path, 0o600) for path in files)]
        loose = [(path, stat.S_IMODE(path.stat().st_mode)) for path, most in paths if _looser(path, most)]
    except OSError:
        yield _well(_("The log's keys belong to another user, as they should."))
        return
    for path, mode in loose:
        words = {"path": path, "mode": f"{mode:04o}"}
        yield _ill(
            "", _("%(path)s may be read by others (mode %(mode)s): chmod go= it, then rotate.") % words
        )
    if not loose:
        yield _well(_("Key files: readable by their owner only."))


def _looser(path: Path, most: int) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & ~most & 0o077)


def _witnesses(path: Path) -> Iterator[Said]:
    listed, faults = read_witnesses(path)
    for fault in faults:
        yield _ill("", fault)
    if not listed:
        yield _ill(
            "witness", _("No witness is on the list %(path)s: nobody outside vouches.") % {"path": path}
        )
    else:
        yield _well(_("Witnesses on the list: %(names)s.") % {"names": ", ".join(w.name for w in listed)})


def _row(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    if row is None:
        raise LookupError(query)
    return row
