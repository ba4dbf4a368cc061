"""Celery: background work only. Intake, fan-out, acknowledgement and the video gate never use it."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csoc.settings")

app = Celery("csoc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
