"""``manage.py audit_sequence``: the sequencer process, under the database role csoc_sequencer."""

import os
import signal
import threading
from typing import Any

import psycopg
from django.core.management.base import BaseCommand
from django.db import connection

from audit.checks import refuse_unsafe_role
from audit.serving import run


def connect() -> psycopg.Connection[Any]:
    """Open a plain connection with this process's own role: no pool, the advisory lock is its own."""
    known = connection.get_connection_params()
    wanted = {key: known[key] for key in ("dbname", "user", "password", "host", "port") if known.get(key)}
    options = "-c timezone=UTC -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"
    name = f"audit_sequence {os.getpid()}"
    return psycopg.connect(
        **wanted, connect_timeout=5, options=options, application_name=name, keepalives_idle=10
    )


class Command(BaseCommand):
    """Move entries from the inbox to the log, and sign it, until SIGTERM or SIGINT."""

    help = "Move committed audit entries from the inbox into the immutable log, and sign it."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop; the batch in hand is finished first. Errors: SystemExit (unsafe role)."""
        refuse_unsafe_role()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        run(connect, stop.is_set)
