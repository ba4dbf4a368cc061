"""The sequencer's process: one sequencer after another, through lost connections, rivals and halts."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from audit.halt import Halt
from audit.head import Head
from audit.logkeys import LogKeys
from audit.orders import Orders
from audit.sequencer import BATCH_ROWS, Sequencer

log = logging.getLogger(__name__)

INTERVAL_S = 0.1
RETRY_S = 1.0
#: A halted log says so this often, looks again whether the cause is gone, and signs nothing.
HALTED_S = 10.0
KEY_FOLDER = Path("keys") / "audit-log"

HALTED = """
INSERT INTO audit_pulse (id, at, size, pid, state, fault)
SELECT 1, clock_timestamp(), coalesce(max(idx) + 1, 0), pg_backend_pid(), 'halted', %(fault)s FROM audit_log
ON CONFLICT (id) DO UPDATE SET at = excluded.at, size = excluded.size, pid = excluded.pid,
    state = excluded.state, fault = excluded.fault
"""

Connect = Callable[[], psycopg.Connection[Any]]
Stopping = Callable[[], bool]


def keys() -> LogKeys:
    """Return the keys of this installation's log."""
    return LogKeys(settings.DATA_DIR / KEY_FOLDER, settings.AUDIT_ORIGIN)


def head() -> Head:
    """Return the head file of this installation's log."""
    return Head(settings.AUDIT_HEAD_DIR)


def run(connect: Connect, stopping: Stopping) -> None:
    """Sequence until ``stopping()``; a lost connection is said loudly and made again, a halt stays up.

    Errors: any other database error ends the process (the supervisor starts it again): a log that
    cannot be written must be seen, not retried in silence.
    """
    while not stopping():
        try:
            with connect() as connection:
                _serve(Sequencer(connection, keys(), head()), stopping)
        except Halt as halt:
            _stay_halted(connect, halt, stopping)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            log.error("sequencer: the database went away (%s); trying again", type(error).__name__)
            _pause(RETRY_S, stopping)


def _serve(sequencer: Sequencer, stopping: Stopping) -> None:
    told = False
    while not sequencer.take_office():
        if not told:
            log.warning("sequencer: another one is at work; standing by")
            told = True
        if stopping():
            return
        _pause(RETRY_S, stopping)
    log.info("sequencer: at work, %d entries in the log", sequencer.size)
    while not stopping():
        if sequencer.step() < BATCH_ROWS:
            time.sleep(INTERVAL_S)


def _stay_halted(connect: Connect, halt: Halt, stopping: Stopping) -> None:
    """Say why, for everybody to see, and wait: for the cause to go, or for the order of two people.

    The lock is given back meanwhile. Whoever takes office next checks everything again.
    """
    log.critical("sequencer: THE AUDIT LOG HAS HALTED, nothing is signed or moved [%s] %s", halt.code, halt)
    try:
        with connect() as connection:
            connection.execute(HALTED, {"fault": halt.code})
    except psycopg.Error as error:
        log.error("sequencer: the halt cannot be shown to people (%s)", type(error).__name__)
    orders = Orders(keys().folder)
    already = orders.resumption.exists()
    _pause(HALTED_S, lambda: stopping() or (orders.resumption.exists() and not already))


def _pause(seconds: float, stopping: Stopping) -> None:
    until = time.monotonic() + seconds
    while not stopping() and time.monotonic() < until:
        time.sleep(0.05)
