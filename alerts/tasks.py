"""Background work of alerts; each run is idempotent and may be missed."""

from celery import shared_task

import audit
from accounts import idempotency
from alerts import refusals


@shared_task
def write_refusals() -> int:
    """Write owed entries and the entries of finished minutes of refusals; forget old answers."""
    actor = audit.system("intake")
    with audit.acting_as(actor):
        refusals.write_owed(actor=actor)
        written = refusals.write_refusals(actor=actor)
    idempotency.forget_old()
    return written
