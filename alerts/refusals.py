"""Counting signed refusals: one entry per trailer, code and minute, with n (audit.md)."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import connection, transaction

import audit
from alerts.models import Alert, RefusalCount, SeenNumber
from csoc.lib import clock
from trailers import counters
from trailers.counters import Count
from trailers.models import Trailer
from trailers.selectors import trailer_ref

_COUNT = """
INSERT INTO alerts_refusalcount (trailer_id, code, minute, n) VALUES (%s, %s, %s, %s)
ON CONFLICT (trailer_id, code, minute) DO UPDATE SET n = alerts_refusalcount.n + EXCLUDED.n
"""


@transaction.atomic
def count_refusals(*, actor: Trailer, code: str, numbers: Sequence[int | None]) -> None:
    """Count refusals of one code, one for each of ``numbers``; nothing else of the bodies is kept.

    numbers: their ``seq``, None where there was none to read. A number that was refused is not missing.
    """
    now = clock.now()
    minute = now.replace(second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [actor.pk, code, minute, len(numbers)])
    SeenNumber.objects.bulk_create(
        SeenNumber(trailer=actor, seq=seq, at=now, code=code) for seq in numbers if seq is not None
    )


def count_one(*, trailer: Trailer, code: str) -> None:
    """Count a signed refusal at a door of a lower app like one at the alerts' own."""
    count_refusals(actor=trailer, code=code, numbers=[None])


def count_two_places(*, trailer: Trailer) -> None:
    """Count that a trailer's key spoke from two places at once; told beside refusals."""
    count_refusals(actor=trailer, code="key-in-two-places", numbers=[None])


@transaction.atomic
def write_refusals(*, actor: audit.Actor) -> int:
    """Write the entries of finished minutes, and keep their numbers by the hour; returns how many.

    Idempotent: a row is written once.
    """
    done = clock.now() - timedelta(minutes=1)
    rows = (
        RefusalCount.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("trailer__agency")
        .filter(minute__lte=done)
    )
    written = []
    for row in rows:
        audit.record(
            "alert.refuse", trailer_ref(row.trailer), outcome=audit.Outcome("denied", row.code, n=row.n)
        )
        row.delete()
        written.append(Count(row.trailer_id, row.code, row.n, row.minute))
    # In the same transaction: a minute counts once, before in its row and then in its hour.
    counters.add(written)
    return len(written)


@transaction.atomic
def write_owed(*, actor: audit.Actor) -> int:
    """Write the entries that the inbox refused at intake; returns how many."""
    owed = Alert.objects.select_for_update(skip_locked=True, of=("self",)).select_related("agency")
    written = 0
    for alert in owed.filter(audit_owed=True)[:500]:
        audit.record("alert.receive", audit.Ref("alert", str(alert.pk), alert.agency.code))
        alert.audit_owed = False
        alert.save(update_fields=["audit_owed"])
        written += 1
    return written
