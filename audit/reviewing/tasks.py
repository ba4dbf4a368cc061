"""Background work of reviews. Each run is idempotent, bounded, and may be missed: the next one goes on."""

from celery import shared_task

from audit.context import system
from audit.reviewing import raising

#: One run walks at most this many steps, so that a long log does not hold a worker for itself.
MOST_STEPS = 50


@shared_task(name="audit.tasks.raise_reviews", ignore_result=True)
def raise_reviews() -> None:
    """Raise the flags of newly sealed lines, and draw among their live views; every 5 s."""
    actor = system("reviews")
    for walk in (raising.raise_flags, raising.draw_samples):
        for _step in range(MOST_STEPS):
            if not walk(actor=actor):
                break
