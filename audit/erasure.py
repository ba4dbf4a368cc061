"""Erasing detail whose time is over: rows and their ``detail.erase`` entry in one transaction, or neither.

The database itself refuses a deletion without its entry: the app may only call ``audit_erase`` with the
entry's body, and that deletes exactly the commitments it names. A row on hold stays, and so does the
key of its month. What a crash leaves: whole batches, each with its entry; the next run does the rest.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

from django.db import connection, transaction

from audit import detail
from audit.entry import MAX_ERASED, Outcome, Ref
from audit.record import body
from csoc.lib.ids import uuid7

log = logging.getLogger(__name__)

#: One run erases at most so many batches; more is a sign, and the next run goes on.
MAX_BATCHES = 500
#: The database looks at its own clock too: what is not due there yet waits for the next run.
DUE = """
SELECT key_id, commitment FROM audit_detail
WHERE expires <= least(%s, audit_erasable_until()) AND NOT hold ORDER BY expires, key_id LIMIT %s
"""
OLDEST_SUBJECT = """
SELECT key_id FROM audit_detail WHERE NOT hold AND class = 'subject' ORDER BY expires LIMIT 1
"""


def erase_due(now: datetime) -> tuple[int, int]:
    """Erase every detail that has expired at ``now`` and is not held; return (rows, keys of months).

    Called by the purge, as whom it records. Errors: database errors; whole batches stay done.
    """
    rows = sum(_batches(now))
    over = [month for month in detail.over_months(now) if not _in_use(month)]
    for month in over:
        detail.destroy_month(month)
    return rows, len(over)


def oldest_subject_key() -> str | None:
    """Return the id of the oldest hour that still has detail of the public, for the watchdog."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_SUBJECT)
        row = cursor.fetchone()
    return str(row[0]) if row else None


def _batches(now: datetime) -> Iterator[int]:
    for _batch in range(MAX_BATCHES):
        with transaction.atomic():
            erased = _one_batch(now)
        if not erased:
            return
        yield erased
    log.error("the purge left expired detail for its next run: over %d batches", MAX_BATCHES)


def _one_batch(now: datetime) -> int:
    """Erase up to 200 details of one key, and say which."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, [now, MAX_ERASED])
        due = cursor.fetchall()
        if not due:
            return 0
        key_id = due[0][0]
        erased = sorted(bytes(commitment).hex() for key, commitment in due if key == key_id)
        uid = uuid7()
        entry = body(
            "detail.erase",
            Ref("epoch" if "T" in key_id else "month", key_id),
            uid=uid,
            outcome=Outcome("allowed", n=len(erased)),
            extra={"erased": erased},
        )
        cursor.execute("SELECT audit_erase(%s, %s)", [uid, entry.decode()])
    return len(erased)


def _in_use(month: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM audit_detail WHERE key_id = %s)", [month])
        row = cursor.fetchone()
    return bool(row and row[0])
