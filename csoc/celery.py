"""Celery: background work only. Intake, fan-out, acknowledgement and the video gate never use it."""

import os

from celery import Celery
from celery.signals import beat_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csoc.settings")

app = Celery("csoc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@beat_init.connect
def purge_at_start(**kwargs: object) -> None:
    """What fell due while the console was down is destroyed now, not two minutes later."""
    app.send_task("vault.tasks.purge", expires=110)
