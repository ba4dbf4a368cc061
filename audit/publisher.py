"""The publisher: carries checkpoints to the witnesses, verifies without end, counts once a day.

One process with a database role of its own that may add cosignatures and entries and nothing else. It
never touches a private key. What a crash leaves: rows already written; everything else is asked again.
"""

import logging
import os
import select
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from audit.checkpoints import Witness, read_witnesses
from audit.context import acting_as, system
from audit.entry import Outcome, Ref
from audit.record import INSERT, body
from audit.verification import Finding
from audit.verification.rolling import Rolling
from audit.witnessing import asking
from audit.witnessing import files as witness_files
from audit.witnessing.asking import Asking, Speaks
from csoc.lib.ids import uuid7

log = logging.getLogger(__name__)

#: Advisory locks of two numbers are for the log's own roles only (csoc/sql/roles.sql).
LOCK = (0x7075626C, 0x69736865)
CHANNEL = "audit_witness"
RETRY_S = 1.0
#: Longest nap: a stop is noticed within it.
NAP_S = 0.5
#: At the start, and once in this time, a witness is asked even if it has signed the newest checkpoint.
AGAIN_S = 600.0
#: A census that failed is tried again after this.
CENSUS_RETRY_S = 600.0
#: Witnesses asked at the same time.
AT_ONCE = 8
NICENESS = 10
CENSUS_DUE = """
SELECT NOT EXISTS (
    SELECT FROM audit_log WHERE verb = 'log.census' AND outcome = 'allowed'
        AND at > clock_timestamp() - interval '24 hours')
AND EXISTS (SELECT FROM audit_checkpoint)
"""


class Publisher:
    """One connection (autocommit), one lock. Lost connection: throw it away and make another."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        *,
        witnesses: Path,
        head: Path,
        every_s: float,
        speaks: Speaks | None = None,
        take_census: Callable[[], object] = lambda: None,
    ) -> None:
        self.connection = connection
        self.every_s = every_s
        self._list, self._speaks, self._take_census = witnesses, speaks, take_census
        self._woken = False
        self._census_at = self._again_at = 0.0
        self._faults: list[str] = []
        self.rolling = Rolling(
            connection,
            head,
            lambda: [witness.vkey for witness in self.witnesses()],
            lambda: asking.outside(connection, self.witnesses()),
            self._tell_change,
        )

    def take_office(self) -> bool:
        """Take the lock and listen; False while another publisher holds it."""
        row = self.connection.execute("SELECT pg_try_advisory_lock(%s::int, %s::int)", LOCK).fetchone()
        if not (row and row[0]):
            return False
        self.connection.add_notify_handler(lambda _notice: setattr(self, "_woken", True))
        self.connection.execute(f"LISTEN {CHANNEL}")
        return True

    def witnesses(self) -> list[Witness]:
        """Return the list as it stands now; a wrong line is told once, and takes nobody else's voice."""
        found, faults = read_witnesses(self._list)
        for fault in faults:
            if fault not in self._faults:
                log.error("%s", fault)
        self._faults = faults
        return found

    def ask_witnesses(self) -> None:
        """Take what was handed in by file, then ask everybody who has an address, all at once."""
        listed = self.witnesses()
        witness_files.take(self.connection, listed)
        reachable = [witness for witness in listed if witness.url]
        again = time.monotonic() >= self._again_at
        if again:
            self._again_at = time.monotonic() + AGAIN_S
        if len(reachable) == 1:
            self._asking(reachable[0]).ask(again=again)
        elif reachable:
            # psycopg lets threads take turns on one connection; the waiting is for the witnesses.
            with ThreadPoolExecutor(min(AT_ONCE, len(reachable))) as pool:
                list(pool.map(lambda witness: self._asking(witness).ask(again=again), reachable))

    def work(self, stopping: Callable[[], bool]) -> None:
        """Ask, verify and count until ``stopping()``. Errors: database errors."""
        due, rounds = 0.0, self._rounds()
        while not stopping():
            if self._woken or time.monotonic() >= due:
                self._woken = False
                self.ask_witnesses()
                due = time.monotonic() + self.every_s
            busy = next(rounds)
            self._nap(0.0 if busy else min(NAP_S, max(0.0, due - time.monotonic())))

    def _rounds(self) -> Iterator[bool]:
        """Verify round after round; yields True while there is more to do at once."""
        while True:
            ends = time.monotonic() + self.every_s
            for _chunk in self.rolling.round():
                yield True
            self.count_if_due()
            yield False
            while time.monotonic() < ends:
                yield False

    def count_if_due(self) -> bool:
        """Take a census if the last one is over a day old. A failure is told and costs nothing else."""
        if time.monotonic() < self._census_at:
            return False
        row = self.connection.execute(CENSUS_DUE).fetchone()
        if not (row and row[0]):
            return False
        # The entry needs a moment to its place in the log; until then it would be taken again.
        self._census_at = time.monotonic() + CENSUS_RETRY_S
        try:
            with acting_as(system("publisher")):
                self._take_census()
        except Exception:
            log.exception("The daily census could not be taken; it is tried again in 10 minutes")
            return False
        return True

    def _asking(self, witness: Witness) -> Asking:
        return (
            Asking(self.connection, witness, self._speaks)
            if self._speaks
            else Asking(self.connection, witness)
        )

    def _tell_change(self, ok: bool, findings: list[Finding]) -> None:
        """Leave an entry when verification begins to fail, and when it holds again."""
        outcome = Outcome("allowed")
        if not ok:
            outcome = Outcome("failed", findings[0].code, n=len(findings))
            for finding in findings:
                log.critical("The audit log does not hold: %s", finding.sentence)
        uid = uuid7()
        with acting_as(system("publisher")):
            entry = body("audit.verify", Ref("log", "audit"), uid=uid, outcome=outcome)
        self.connection.execute(INSERT, [uid, entry.decode()])

    def _nap(self, seconds: float) -> None:
        """Wait for a notification; with 0 only look."""
        readable, _w, _x = select.select([self.connection.fileno()], [], [], seconds)
        if readable:
            # The handler runs while psycopg reads whatever came.
            self.connection.execute("SELECT 1")


def run(
    connect: Callable[[], psycopg.Connection[Any]],
    make: Callable[[psycopg.Connection[Any]], Publisher],
    stopping: Callable[[], bool],
) -> None:
    """Publish until ``stopping()``; a lost connection is said and made again.

    Errors: any other error ends the process, and the supervisor starts it again.
    """
    with suppress(OSError):
        os.nice(NICENESS)
    waiting = False
    while not stopping():
        try:
            with connect() as connection:
                publisher = make(connection)
                if publisher.take_office():
                    waiting = False
                    log.info("publishing")
                    publisher.work(stopping)
                    return
            if not waiting:
                log.info("another publisher is at work; standing by")
            waiting = True
        except psycopg.OperationalError as error:
            log.warning("the database connection was lost: %s", error)
        if not stopping():
            time.sleep(RETRY_S)
