"""Pruning: lines past their retention go, a partition at a time; the hash that stands for them stays.

Asked for by one person, approved by another, announced by a sealed and witnessed entry, dropped by the
owner's own function, which checks all of it again. What a crash leaves: the entry without the drop, and
running the command again goes on from there.
"""

from typing import Any

from audit.entry import Ref
from audit.record import Receipt
from audit.verification.whole import PARTITION_BITS

#: docs/threat-model.md: longer than any data. The database's own function refuses less.
KEPT_YEARS = 7
#: A line lags the newest before it by at most 300 s, so the first line after a partition tells its age.
DUE = """
SELECT min(l.idx) >> %(bits)s FROM (SELECT min(idx) AS idx FROM audit_log) AS l
WHERE EXISTS (SELECT FROM audit_log AS after WHERE after.idx = ((l.idx >> %(bits)s) + 1) << %(bits)s
    AND after.at + interval '300 s' < clock_timestamp() - make_interval(years => %(years)s))
"""
ENTRY = """
SELECT uid FROM audit_log WHERE verb = 'log.prune' AND outcome = 'allowed' AND object = %s
ORDER BY idx LIMIT 1
"""
APPROVED = """
SELECT asked_by, asked_name, approved_by, approved_name, approved_entry FROM audit_prune_request
WHERE partition = %s AND approved_by <> '' AND done_at IS NULL
"""
DROP = "SELECT audit_drop_partition(%s)"
DONE = "UPDATE audit_prune_request SET done_at = clock_timestamp() WHERE partition = %s"


def ref(partition: int) -> Ref:
    """Return a part of the log as entries name it; the database looks for just this."""
    return Ref("log", f"partition:{partition}")


def oldest_due(connection: Any) -> int | None:
    """Return the number of the oldest partition if every line of it is past retention, else None."""
    row = _one(connection, DUE, {"bits": PARTITION_BITS, "years": KEPT_YEARS})
    return None if row is None or row[0] is None else int(row[0])


def approved(connection: Any, partition: int) -> tuple[Any, ...] | None:
    """Return (asked_by, asked_name, approved_by, approved_name, approved_entry), None without two people."""
    return _one(connection, APPROVED, [partition])


def announced(connection: Any, partition: int) -> Receipt | None:
    """Return the entry that announces the pruning, if it has its place in the log."""
    row = _one(connection, ENTRY, [f"log:partition:{partition}"])
    return Receipt(row[0], "log.prune", "allowed") if row else None


def drop(connection: Any, partition: int) -> str:
    """Drop the partition's lines, as the owner; return the table's name. Errors: database errors."""
    with connection.transaction():
        row = _one(connection, DROP, [partition])
        connection.execute(DONE, [partition])
    return str(row[0]) if row else ""


def _one(connection: Any, query: str, values: Any) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row
