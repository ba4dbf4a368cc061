"""Background work of alerts; each run is idempotent and may be missed."""

from celery import shared_task

import audit
from accounts import idempotency
from alerts import refusals, services
from alerts.handoff import sending


@shared_task
def write_refusals() -> int:
    """Write owed entries and the entries of finished minutes of refusals; forget old answers."""
    actor = audit.system("intake")
    with audit.acting_as(actor):
        refusals.write_owed(actor=actor)
        written = refusals.write_refusals(actor=actor)
    idempotency.forget_old()
    return written


@shared_task
def watch_numbers() -> int:
    """Count in the numbers that came; tell of reports that are missing."""
    actor = audit.system("intake")
    with audit.acting_as(actor):
        return services.watch_numbers(actor=actor)


@shared_task
def send_hand_offs() -> int:
    """Send what waits for the CAD; returns how many it took."""
    return sending.send_due(actor=audit.system("hand-off"))


@shared_task
def end_stale_uploads() -> int:
    """End uploads of plate lists that nobody finished or decided within 24 h, with their sealed pieces."""
    return services.end_stale_uploads(actor=audit.system("intake"))
