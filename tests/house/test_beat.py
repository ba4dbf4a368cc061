"""What the beat asks for must exist: a task without its decorator is never run, and nothing says so."""

from __future__ import annotations

from django.conf import settings

from csoc.celery import app


def test_every_task_of_the_beat_is_one_that_a_worker_knows() -> None:
    app.loader.import_default_modules()
    asked = {row["task"] for row in settings.CELERY_BEAT_SCHEDULE.values()}
    assert asked - set(app.tasks) == set()
    assert len(asked) > 10
