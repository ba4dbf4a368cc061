"""Counting signed refusals: one entry per trailer, code and minute, with n (audit.md)."""

from datetime import timedelta

from django.db import connection, transaction

import audit
from alerts.models import Alert, RefusalCount
from csoc.lib import clock
from trailers.models import Trailer
from trailers.selectors import trailer_ref

_COUNT = """
INSERT INTO alerts_refusalcount (trailer_id, code, minute, n) VALUES (%s, %s, %s, 1)
ON CONFLICT (trailer_id, code, minute) DO UPDATE SET n = alerts_refusalcount.n + 1
"""


@transaction.atomic
def count_refusal(*, actor: Trailer, code: str) -> None:
    """Count one refusal; nothing of the body is kept."""
    minute = clock.now().replace(second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [actor.pk, code, minute])


@transaction.atomic
def write_refusals(*, actor: audit.Actor) -> int:
    """Write the entries of finished minutes; returns how many. Idempotent: a row is written once."""
    done = clock.now() - timedelta(minutes=1)
    rows = (
        RefusalCount.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("trailer__agency")
        .filter(minute__lte=done)
    )
    written = 0
    for row in rows:
        audit.record(
            "alert.refuse", trailer_ref(row.trailer), outcome=audit.Outcome("denied", row.code, n=row.n)
        )
        row.delete()
        written += 1
    return written


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
