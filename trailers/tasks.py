"""Background work: forget spent nonces, end commands that came to nothing, notice silent trailers."""

from __future__ import annotations

from celery import shared_task
from django.db import connection

import audit
from csoc.lib import clock

from . import commands, counters, reports, services, watch
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


@shared_task
def judge_fleet() -> int:
    """Begin and end technical warnings, also of trailers that fell silent. Returns how many changed."""
    return watch.judge_fleet(clock.now())


@shared_task
def forget_telemetry() -> int:
    """Delete points that are older than 30 days. Returns how many."""
    return services.forget_telemetry(actor=audit.system("telemetry"))


@shared_task
def warn_of_key_ends() -> int:
    """Tell once of each key that ends in 30, 14 or 3 days, or has expired. Returns how many."""
    actor = audit.system("keys")
    with audit.acting_as(actor):
        return services.warn_of_key_ends(actor=actor)


@shared_task
def forget_refusals() -> int:
    """Delete what was refused over 30 days ago. Returns how many hours."""
    return counters.forget_old(clock.now())
