"""``manage.py audit_publish``: the publisher process, under the database role csoc_publisher."""

import signal
import threading
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from audit import census
from audit.connecting import plain
from audit.head import NAME
from audit.publisher import Publisher, run


def take_census() -> None:
    """Count on Django's own connections, which are let go afterwards: it is once a day."""
    try:
        census.take()
    finally:
        close_old_connections()


def make(connection: psycopg.Connection[Any]) -> Publisher:
    """Return the publisher as the settings want it."""
    return Publisher(
        connection,
        witnesses=settings.AUDIT_WITNESSES,
        head=settings.AUDIT_HEAD_DIR / NAME,
        every_s=settings.AUDIT_WITNESS_EVERY_S,
        take_census=take_census,
    )


class Command(BaseCommand):
    """Ask the witnesses, verify the log and count it until SIGTERM or SIGINT."""

    help = "Carry checkpoints to the witnesses and verify the audit log, until told to stop."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop; what is in hand is finished first."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        run(lambda: plain("audit_publish"), make, stop.is_set)
