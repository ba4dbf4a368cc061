"""Background work of the log; each run is idempotent and may be missed."""

from celery import shared_task

from audit.exports import building, queue, tending

# Celery looks for tasks here only.
from audit.reviewing.tasks import raise_reviews

__all__ = ["build_export", "raise_reviews", "tend_exports"]


@shared_task(name=queue.BUILD, queue=queue.QUEUE, ignore_result=True)
def build_export(name: str) -> None:
    """Build one approved export; somebody else at it, or nothing to do, is no error."""
    building.build(name)


@shared_task(name="audit.tasks.tend_exports", ignore_result=True)
def tend_exports() -> None:
    """Delete what is due, and send again what nobody builds."""
    for name in tending.tend():
        queue.send(name)
