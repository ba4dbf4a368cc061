"""The sequencer: moves committed rows of the inbox into the log, in order, each exactly once.

It deletes what it moved, in the same transaction: rows become visible out of order, so a cursor
(``seq > last``) skips some; membership in the inbox skips none. A session advisory lock on the *same*
connection that writes keeps a second sequencer waiting, and the primary key on ``idx`` is the last
fence. What a crash leaves: before COMMIT the inbox as it was, after it the log as it shall be.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import psycopg

from audit import lines
from audit.lines import Last, Waiting
from csoc.lib.ids import uuid7

log = logging.getLogger(__name__)

#: Any number that no other advisory lock of ours uses.
LOCK = 0x61756469_74
BATCH_ROWS = 4_000
INTERVAL_S = 0.1
PULSE_S = 1.0
RETRY_S = 1.0
#: Newest entries kept in memory; past it the log itself is asked again.
REMEMBERED = 50_000

TAKE = """
WITH taken AS (
    DELETE FROM audit_inbox
    WHERE seq IN (SELECT seq FROM audit_inbox ORDER BY seq LIMIT %s)
    RETURNING seq, uid, body, at
)
SELECT seq, uid, body, at FROM taken ORDER BY seq
"""
APPEND = "COPY audit_log (idx, uid, line, leaf) FROM STDIN"
NEWEST = """
SELECT DISTINCT ON ({column}) {column}, idx, (line::jsonb ->> '{count}')::bigint
FROM audit_log WHERE {column} = ANY(%s) ORDER BY {column}, idx DESC
"""
PULSE = """
INSERT INTO audit_pulse (id, at, size, pid) VALUES (1, clock_timestamp(), %s, pg_backend_pid())
ON CONFLICT (id) DO UPDATE SET at = excluded.at, size = excluded.size, pid = excluded.pid
"""


class Sequencer:
    """One connection, one lock, one log. Lost connection: throw it away and make another."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.size = 0
        self._actors: dict[str, Last] = {}
        self._objects: dict[str, Last] = {}
        self._pulse_at = 0.0

    def take_office(self) -> bool:
        """Take the lock and read where the log ends; False while another sequencer holds it."""
        row = self.connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        self.connection.commit()
        if not (row and row[0]):
            return False
        found = self.connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM audit_log").fetchone()
        self.size = found[0] if found else 0
        self.connection.commit()
        if self.size == 0:
            self._begin()
        return True

    def step(self) -> int:
        """Move one batch; return how many rows it had. Nothing of it stands unless all of it does."""
        try:
            with self.connection.transaction():
                rows = [Waiting(*row) for row in self.connection.execute(TAKE, [BATCH_ROWS])]
                if rows:
                    self._append([(row.uid, lines.parse(row), row.at) for row in rows])
        except BaseException:
            # Memory may be ahead of the log now, so nobody may use it again.
            self.connection.close()
            raise
        self.size += len(rows)
        self._pulse(force=bool(rows))
        return len(rows)

    def _begin(self) -> None:
        row = self.connection.execute("SELECT clock_timestamp()").fetchone()
        uid = uuid7()
        self._append([(uid, lines.genesis(uid), row[0] if row else None)])
        self.connection.commit()
        self.size = 1

    def _append(self, entries: list[tuple[UUID, dict[str, Any], Any]]) -> None:
        actors = [lines.actor_key(entry) for _uid, entry, _at in entries]
        objects = [lines.object_key(entry) for _uid, entry, _at in entries]
        self._recall(self._actors, "actor", "na", actors)
        self._recall(self._objects, "object", "no", objects)
        with self.connection.cursor() as cursor, cursor.copy(APPEND) as copy:
            for offset, (uid, entry, at) in enumerate(entries):
                idx = self.size + offset
                actor, ref = self._actors.get(actors[offset]), self._objects.get(objects[offset])
                text = lines.line(entry, idx, at, actor, ref)
                copy.write_row((idx, uid, text, lines.leaf(text)))
                self._actors[actors[offset]] = Last(idx, actor.total + 1 if actor else 1)
                self._objects[objects[offset]] = Last(idx, ref.total + 1 if ref else 1)

    def _recall(self, memory: dict[str, Last], column: str, count: str, keys: Iterable[str]) -> None:
        """Fetch the newest entry of those this process has not seen yet."""
        if len(memory) > REMEMBERED:
            memory.clear()
        unknown = [key for key in set(keys) if key not in memory]
        if not unknown:
            return
        query = NEWEST.format(column=column, count=count)
        for key, idx, number in self.connection.execute(query, [unknown]):
            memory[key] = Last(idx, number)

    def _pulse(self, *, force: bool) -> None:
        """Tell people how far the log is: after every batch, and once a second when it is quiet."""
        if not force and time.monotonic() - self._pulse_at < PULSE_S:
            return
        self.connection.execute(PULSE, [self.size])
        self.connection.commit()
        self._pulse_at = time.monotonic()


def run(connect: Callable[[], psycopg.Connection[Any]], stopping: Callable[[], bool]) -> None:
    """Sequence until ``stopping()``; a lost connection is said loudly and made again.

    Errors: any other database error ends the process (the supervisor starts it again): a log that
    cannot be written must be seen, not retried in silence.
    """
    while not stopping():
        try:
            with connect() as connection:
                _serve(Sequencer(connection), stopping)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            log.error("sequencer: the database went away (%s); trying again", type(error).__name__)
            _pause(RETRY_S, stopping)


def _serve(sequencer: Sequencer, stopping: Callable[[], bool]) -> None:
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


def _pause(seconds: float, stopping: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not stopping() and time.monotonic() < until:
        time.sleep(0.05)
