"""The sequencer: moves committed rows of the inbox into the log, in order, each exactly once, and signs.

It deletes what it moved, in the same transaction: rows become visible out of order, so a cursor
(``seq > last``) skips some; membership in the inbox skips none. A session advisory lock on the *same*
connection that writes keeps a second sequencer waiting, and the primary key on ``idx`` is the last
fence. One batch, and what a crash after each step leaves:

    moved      nothing: the inbox as it was, the log as it was
    committed  lines without a signature: the next start derives them anew and signs them
    signed     the same: the signature was in memory only, and signing again gives the same bytes
    headed     a note in the head file that the table lacks: the next start stores it
    kept       nothing to do
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg

from audit import lines, opening
from audit.appender import Appender, New
from audit.halt import Halt
from audit.head import Head
from audit.lines import Waiting
from audit.logkeys import LogKeys
from audit.notes import Checkpoint, VerifierKey
from audit.opening import Opening
from audit.orders import Orders, Resume
from csoc.lib.ids import uuid7

log = logging.getLogger(__name__)

#: Advisory locks of two numbers are for the log's own roles only (csoc/sql/roles.sql).
LOCK = (0x61756469, 0x74)
BATCH_ROWS = 4_000
PULSE_S = 1.0

TAKE = """
WITH taken AS (
    DELETE FROM audit_inbox
    WHERE seq IN (SELECT seq FROM audit_inbox ORDER BY seq LIMIT %s)
    RETURNING seq, uid, body, at
)
SELECT seq, uid, body, at FROM taken ORDER BY seq
"""
NOW = "SELECT clock_timestamp()"
KEEP = "INSERT INTO audit_checkpoint (size, root, note) VALUES (%s, %s, %s)"
KEEP_KEY = "INSERT INTO audit_log_key (generation, n, vkey, from_size) VALUES (%s, %s, %s, %s)"
PULSE = """
INSERT INTO audit_pulse (id, at, size, pid, state, fault, signed_size)
VALUES (1, clock_timestamp(), %s, pg_backend_pid(), 'working', '', %s)
ON CONFLICT (id) DO UPDATE SET at = excluded.at, size = excluded.size, pid = excluded.pid,
    state = excluded.state, fault = excluded.fault, signed_size = excluded.signed_size
"""


class Sequencer:
    """One connection, one lock, one log. Lost connection, halt or error: throw it away, make another.

    ``after`` is told the name of each step that is done; tests die there.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        keys: LogKeys,
        head: Head,
        after: Callable[[str], None] = lambda step: None,
    ) -> None:
        self.connection = connection
        self.keys = keys
        self.head = head
        self.orders = Orders(keys.folder)
        self.signed = 0
        self._after = after
        self._head_note: str | None = None
        self._known: list[str] = []
        self._appender: Appender | None = None
        self._pulse_at = 0.0
        self._heeded_at = 0.0

    @property
    def size(self) -> int:
        """Return how many lines the log has."""
        return self._appender.frontier.size if self._appender else 0

    # -- taking office -----------------------------------------------------------------------------

    def take_office(self) -> bool:
        """Take the lock, check the log and finish what a crash left; False while another holds the lock.

        Errors: Halt.
        """
        row = self.connection.execute("SELECT pg_try_advisory_lock(%s::int, %s::int)", LOCK).fetchone()
        self.connection.commit()
        if not (row and row[0]):
            return False
        try:
            self._begin(self._open())
        except BaseException:
            self.connection.close()
            raise
        return True

    def _open(self) -> Opening:
        """Check the log; where two people ended a halt, in the state they decided for."""
        try:
            self._head_note = self.head.read()
            if not self.keys.exist and self._head_note is None and opening.is_new(self.connection):
                self.keys.create()
            return opening.check(self.connection, self.keys, self._head_note)
        except Halt:
            order = self.orders.resume()
            if order is None or not self._is_open(order):
                raise
            self._begin_generation(order)
            return opening.check(self.connection, self.keys, self._head_note)

    def _is_open(self, order: Resume) -> bool:
        """True until the generation that ``order`` asks for has signed."""
        begun = order.generation == self.keys.generation and self.keys.unsigned
        return begun or order.generation > self.keys.generation

    def _begin_generation(self, order: Resume) -> None:
        """Leave the refused head and the old origin behind; a crash leaves the order, and all is done again.

        The number goes first: were it the head, a crash would leave the old origin free to sign without one.
        """
        self.connection.rollback()
        self.keys.begin_generation(order.generation)
        self._after("generation")
        if not (self._head_note or "").startswith(f"{self.keys.origin}\n"):
            self.head.set_aside()
            self._head_note = None
        self._after("aside")
        if not self.keys.exist:
            self.keys.create()

    def _begin(self, opened: Opening) -> None:
        # Checking read only; what follows commits on its own.
        self.connection.commit()
        self.signed, self._known = opened.signed, opened.keys
        self._appender = Appender(self.connection, opened.frontier, opened.newest)
        if not self._known:
            self._write_first_lines()
        stored = opened.stored == self.size
        if self.signed < self.size:
            self._sign(stored=stored)
        else:
            # The head file has it; a crash may have come before the table did.
            self._finish(self._head_note or "", stored=stored)
        if order := self.orders.resume():
            if order.generation > self.keys.generation:
                log.warning("sequencer: an order to resume is dropped, the log is in order")
            self.orders.done(self.orders.resumption)
        self._pulse(at_once=True)

    def _write_first_lines(self) -> None:
        """Write what this origin's log begins with, and its key. A crash before COMMIT leaves nothing."""
        entries = []
        if self.size == 0:
            uid = uuid7()
            entries.append((uid, lines.genesis(uid)))
        if order := self.orders.resume():
            halt, resume = uuid7(), uuid7()
            entries.append((halt, lines.halted(halt, order.fault)))
            entries.append((resume, lines.resumed(resume, halt, order.reason, order.officer, order.second)))
            self._log.newest = None
        with self.connection.transaction():
            now = self._now()
            self._log.append([New(uid, entry, now) for uid, entry in entries], now)
            self._keep_key(self.keys.vkey.text, self.size if order else 0)
        self._after("first-lines")

    # -- one batch ---------------------------------------------------------------------------------

    def step(self) -> int:
        """Move and sign one batch; return how many rows it had. Errors: Halt."""
        try:
            self._heed_witnesses()
            if self.orders.rotation.exists():
                self._rotate()
            moved = self._move()
            if moved:
                self._sign()
        except BaseException:
            # Memory may be ahead of the log now, so nobody may use it again.
            self.connection.close()
            raise
        self._pulse(at_once=False)
        return moved

    def _heed_witnesses(self) -> None:
        """Once a second: a fork that a witness shows while we work ends our work. Errors: Halt."""
        if time.monotonic() - self._heeded_at < PULSE_S:
            return
        opening.witnesses_agree(self.connection, [VerifierKey.parse(text) for text in self._known], self.size)
        self.connection.commit()
        self._heeded_at = time.monotonic()

    def _move(self) -> int:
        """Move one batch. Nothing of it stands unless all of it does."""
        with self.connection.transaction():
            taken = self.connection.execute(TAKE, [BATCH_ROWS], binary=True)
            rows = [Waiting(*row) for row in taken]
            if rows:
                entries = [New(row.uid, lines.parse(row, self.size), row.at) for row in rows]
                self._log.append(entries, self._now())
                self._after("moved")
        if rows:
            self._after("committed")
        return len(rows)

    def _sign(self, *, stored: bool = False) -> None:
        """Sign what is committed, write the head file, and only then let anybody see the note.

        stored: the table has it already, because an older head file was put back.
        """
        checkpoint = Checkpoint(self.keys.origin, self.size, self._log.frontier.root())
        note = self.keys.note(checkpoint, by_next=self._rotating)
        self._after("signed")
        if self.head.read() != self._head_note:
            # Another sequencer signs under our name. It may come between this look and the next line; then
            # our next batch finds out.
            raise Halt("head-changed", str(self.head.path))
        self.head.write(note)
        self._head_note, self.signed = note, self.size
        self._after("headed")
        self._finish(note, stored=stored)

    def _finish(self, note: str, *, stored: bool) -> None:
        """Do what follows the head file; each part is done again if a crash comes before it."""
        if self.keys.unsigned:
            self.keys.first_note_kept()
        if not stored:
            self.connection.execute(KEEP, [self.size, self._log.frontier.root(), note])
            self._pulse(at_once=True)
            self._after("kept")
        if self._rotating:
            self.keys.advance()
            self._after("advanced")
        if self.orders.rotation.exists() and not self.keys.next_vkey:
            self.orders.done(self.orders.rotation)

    # -- rotation ----------------------------------------------------------------------------------

    @property
    def _rotating(self) -> bool:
        """True from the line that names the next key until that key is the current one."""
        return bool(self.keys.next_vkey) and self._known[-1:] == [str(self.keys.next_vkey)]

    def _rotate(self) -> None:
        """Name the next key in a line, sign that line with both keys, go on with the next.

        A crash before COMMIT leaves the order; after it the start finds the new key in the table and the
        old one in its folder, and does the rest.
        """
        vkey = self.keys.next_vkey
        if vkey is None:
            log.error("sequencer: no next key is prepared; nothing is rotated")
            self.orders.done(self.orders.rotation)
            return
        uid = uuid7()
        with self.connection.transaction():
            now = self._now()
            self._log.append([New(uid, lines.rotation(uid, vkey.text), now)], now)
            self._keep_key(vkey.text, self.size)
        self._after("rotation-line")
        self._sign()
        log.warning("sequencer: the log signs with %s from line %d on", vkey, self.size)

    # -- small parts -------------------------------------------------------------------------------

    @property
    def _log(self) -> Appender:
        if self._appender is None:
            raise RuntimeError("a sequencer takes office before it works")
        return self._appender

    def _keep_key(self, vkey: str, from_size: int) -> None:
        self._known = [*self._known, vkey]
        self.connection.execute(KEEP_KEY, [self.keys.generation, len(self._known), vkey, from_size])

    def _now(self) -> datetime:
        row = self.connection.execute(NOW).fetchone()
        if row is None:
            raise RuntimeError("the database does not tell the time")
        now: datetime = row[0]
        return now

    def _pulse(self, *, at_once: bool) -> None:
        """Tell people how far the log is: after every batch, and once a second when it is quiet."""
        if not at_once and time.monotonic() - self._pulse_at < PULSE_S:
            return
        self.connection.execute(PULSE, [self.size, self.signed])
        self.connection.commit()
        self._pulse_at = time.monotonic()
