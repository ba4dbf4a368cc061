"""The purge on Celery's beat. That it runs is not taken on trust: see ``vault.selectors.overdue``."""

from celery import shared_task

import audit
from vault.services import purge_due


@shared_task(name="vault.tasks.purge", ignore_result=True)
def purge() -> None:
    """Run the purge every two minutes; idempotent."""
    purge_due(actor=audit.system("purge"))
