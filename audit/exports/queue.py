"""The way to the exporter: a Celery queue of its own, so that a long build never holds up the purge."""

from celery import current_app

BUILD, QUEUE = "audit.tasks.build_export", "exports"


def send(name: str) -> None:
    """Hand a request to the exporter. A lost message is sent again by ``audit.tasks.tend_exports``."""
    current_app.send_task(BUILD, [name], queue=QUEUE, expires=60, retry=False)
