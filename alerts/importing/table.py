"""Staging rows and swapping them in: COPY into a table of this transaction, set-wise checks, a diff.

The staging table is temporary: it is this connection's alone, is never in the write-ahead log or a backup,
and its file goes with the transaction, whichever way that ends. Nothing is locked while rows come in; the
list's own row is locked for the diff and the swap only.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from alerts.importing.manifest import Manifest
from alerts.importing.rows import NAMED_FAULTS, Faults, Reader
from alerts.models import Hotlist

#: A person waits for one import at a time; what a page may take does not bound it.
_PATIENCE = (
    "SET LOCAL statement_timeout = '600s'; SET LOCAL lock_timeout = '60s'; SET LOCAL work_mem = '64MB'"
)
_CREATE = """
CREATE TEMPORARY TABLE hotlist_staged (
    line integer, plate text, reference text, jurisdiction text, category text, action text,
    priority smallint, valid_to timestamptz
) ON COMMIT DROP
"""
_DROP = "DROP TABLE IF EXISTS pg_temp.hotlist_staged"
_COPY = (
    "COPY pg_temp.hotlist_staged"
    " (line, plate, reference, jurisdiction, category, action, priority, valid_to) FROM STDIN"
)
_SAME = (
    "s.plate = e.plate AND s.jurisdiction = e.jurisdiction AND s.category = e.category"
    " AND s.reference = e.reference"
)
_ANY_TWICE = """
SELECT EXISTS (SELECT FROM pg_temp.hotlist_staged
    GROUP BY plate, jurisdiction, category, reference HAVING count(*) > 1)
"""
_TWICE = """
SELECT line, count(*) OVER () FROM (
    SELECT line, row_number() OVER (PARTITION BY plate, jurisdiction, category, reference ORDER BY line) AS n
    FROM pg_temp.hotlist_staged) one
WHERE n > 1 ORDER BY line LIMIT %s
"""
_REMOVE = f"""
UPDATE alerts_hotlistentry e SET removed_in = %(version)s, removed_at = %(now)s, touched_in = %(version)s
WHERE e.hotlist_id = %(hotlist)s AND e.removed_in IS NULL
  AND NOT EXISTS (SELECT FROM pg_temp.hotlist_staged s WHERE {_SAME})
"""
_CHANGE = f"""
UPDATE alerts_hotlistentry e
SET valid_to = s.valid_to, action = s.action, priority = s.priority, touched_in = %(version)s
FROM pg_temp.hotlist_staged s
WHERE e.hotlist_id = %(hotlist)s AND e.removed_in IS NULL AND {_SAME}
  AND (e.valid_to, e.action, e.priority) IS DISTINCT FROM (s.valid_to, s.action, s.priority)
"""
# Line 2 is the first row, so a list's first entry is e-1000; a number is never used again.
_ADD = """
INSERT INTO alerts_hotlistentry
    (hotlist_id, entry_id, plate, jurisdiction, category, reference, action, priority, valid_to, added_in,
     touched_in)
SELECT %(hotlist)s, 'e-' || (%(first)s + s.line - 2), s.plate, s.jurisdiction, s.category, s.reference,
    s.action, s.priority, s.valid_to, %(version)s, %(version)s
FROM pg_temp.hotlist_staged s
"""
_NOT_THERE = f"""
WHERE NOT EXISTS (SELECT FROM alerts_hotlistentry e
    WHERE e.hotlist_id = %(hotlist)s AND e.removed_in IS NULL AND {_SAME})
"""
_TOUCHED = "SELECT DISTINCT category FROM alerts_hotlistentry WHERE hotlist_id = %s AND touched_in = %s"
#: When an entry ends, to the millisecond. `to_char` costs more than all else of an entry: only a
#: moment between two seconds, which hardly any list has, is written by it.
MOMENT_SQL = """CASE WHEN date_trunc('second', valid_to) = valid_to
THEN substr(to_json(valid_to AT TIME ZONE 'UTC')::text, 2, 19) || '.000Z'
ELSE to_char(valid_to AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END"""
#: One entry of the canonical state, an RFC 8785 object (docs/hotlists.md).
ENTRY_SQL = f"""'{{"c":"' || category || '","e":"' || entry_id || '","j":"' || jurisdiction || '","k":"' ||
plate || '","p":' || coalesce(priority::text, 'null') || ',"to":"' || {MOMENT_SQL} || '"}}'"""
#: In the order of `entry_current_once`, so nothing is sorted: of a fresh table no figures are known.
_BY_INDEX = "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off"
_AS_ELSE = "RESET enable_sort; RESET enable_bitmapscan; RESET enable_seqscan"
_STATE = f"""
COPY (SELECT category, {ENTRY_SQL} FROM alerts_hotlistentry
      WHERE hotlist_id = %s AND removed_in IS NULL AND category = ANY(%s) ORDER BY entry_id)
TO STDOUT
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a version changed: entries that came, that changed, that went."""

    adds: int
    changes: int
    dels: int


def wait_for_it() -> None:
    """Lift the page's time limits for the rest of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_PATIENCE)


def stage(told: Manifest, source: Iterable[bytes]) -> int:
    """Read the file into the staging table; return its rows. Errors: Refused 413, 422."""
    reader = Reader(told, source)
    with connection.cursor() as cursor:
        cursor.execute(_DROP)
        cursor.execute(_CREATE)
        # A COPY each block: pieces of the file are read on this same connection between two of them.
        for block in reader.blocks():
            with cursor.copy(_COPY) as copy:
                copy.write(block)
        reader.judge()
        cursor.execute("ANALYZE pg_temp.hotlist_staged")
        _refuse_twice(cursor)
    return reader.rows


def _refuse_twice(cursor: Any) -> None:
    cursor.execute(_ANY_TWICE)
    if not cursor.fetchone()[0]:
        return
    cursor.execute(_TWICE, [NAMED_FAULTS])
    faults = Faults()
    found = cursor.fetchall()
    for line, _count in found:
        faults.add(line, "duplicate")
    faults.count = found[0][1]
    raise faults.refusal()


def current_count(hotlist: Hotlist) -> int:
    """Return how many entries the list has now."""
    return hotlist.entries.filter(removed_in__isnull=True).count()


def swap(hotlist: Hotlist, told: Manifest, before: int, now: datetime) -> Difference:
    """Make the staged rows the current entries. The caller holds the list's row and saves it."""
    values: dict[str, Any] = {
        "hotlist": hotlist.pk,
        "version": told.version,
        "now": now,
        "first": hotlist.next_entry,
    }
    with connection.cursor() as cursor:
        dels = changes = 0
        if before:
            cursor.execute(_REMOVE, values)
            dels = cursor.rowcount
            cursor.execute(_CHANGE, values)
            changes = cursor.rowcount
        cursor.execute(_ADD + _NOT_THERE if before else _ADD, values)
        adds = cursor.rowcount
        cursor.execute("SELECT coalesce(max(line), 1) FROM pg_temp.hotlist_staged")
        hotlist.next_entry += cursor.fetchone()[0] - 1
        cursor.execute(_DROP)
    return Difference(adds, changes, dels)


def digests(hotlist: Hotlist, version: int, known: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return ``{category: {"entries", "sha256"}}`` of the current entries.

    known: those of the version before; a category that this one did not touch keeps its own.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED, [hotlist.pk, version])
        touched = {row[0] for row in cursor.fetchall()}
        found = {name: told for name, told in known.items() if name not in touched}
        return found | _digests(cursor, hotlist, sorted(touched))


def _digests(cursor: Any, hotlist: Hotlist, categories: list[str]) -> dict[str, dict[str, Any]]:
    sums = {name.encode(): hashlib.sha256() for name in categories}
    counts = dict.fromkeys(sums, 0)
    cursor.execute(_BY_INDEX)
    with cursor.copy(_STATE, (hotlist.pk, categories)) as copy:
        # A line is a whole row with its line feed, which the digest covers.
        for line in copy:
            category, _tab, entry = bytes(line).partition(b"\t")
            sums[category].update(entry)
            counts[category] += 1
    cursor.execute(_AS_ELSE)
    return {
        name.decode(): {"entries": counts[name], "sha256": told.hexdigest()}
        for name, told in sums.items()
        if counts[name]
    }
