"""Project package: settings, entry points, embedded servers and the shared leaves in csoc.lib."""

from csoc.celery import app as celery_app

__all__ = ["celery_app"]
