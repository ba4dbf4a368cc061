"""Background work of alerts; each run is idempotent and may be missed."""

from celery import shared_task

import audit
from alerts import refusals
from alerts.idempotency import KEPT_FOR
from alerts.models import IdempotentAnswer
from csoc.lib import clock


@shared_task
def write_refusals() -> int:
    """Write owed entries and the entries of finished minutes of refusals; forget old answers."""
    actor = audit.system("intake")
    with audit.acting_as(actor):
        refusals.write_owed(actor=actor)
        written = refusals.write_refusals(actor=actor)
    IdempotentAnswer.objects.filter(at__lt=clock.now() - KEPT_FOR).delete()
    return written
