"""Ends views whose time is over. The gate refuses them at once by itself; this leaves the record."""

from celery import shared_task

import audit
from live import services


@shared_task
def end_due_sessions() -> int:
    """End what is due; returns how many."""
    actor = audit.system("expiry")
    with audit.acting_as(actor):
        return services.end_due_sessions(actor=actor)
