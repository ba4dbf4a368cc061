"""Background work: forget spent nonces, end commands that came to nothing, notice silent trailers."""

from __future__ import annotations

from celery import shared_task
from django.db import connection

from csoc.lib import clock

from . import commands, reports
from .signatures import NONCE_KEPT


@shared_task
def sweep_nonces() -> int:
    """Delete nonces older than 10 minutes: what they signed has expired long before. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM trailers_nonce WHERE at < %s", [clock.now() - NONCE_KEPT])
        return int(cursor.rowcount)


@shared_task
def expire_commands() -> int:
    """End commands whose time has passed. Returns how many."""
    return commands.expire_due(clock.now())


@shared_task
def show_lost() -> int:
    """Show trailers that fell silent or whose deployment ran out. Returns how many."""
    return reports.show_lost(clock.now())
