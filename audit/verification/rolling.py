"""Verification that never ends: each round everything new, and a slice of what is old.

What a crash leaves: the last row of audit_verification. The next start takes its findings over and drops
none before it has looked at that place again; so a restart never turns a red strip green.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from django.utils.translation import gettext as _

from audit.notes import BadNote, Checkpoint, VerifierKey
from audit.tree import EMPTY_ROOT
from audit.verification import whole
from audit.verification.details import Erased
from audit.verification.findings import Finding, told
from audit.verification.signatures import Keyring, judge_rotations
from audit.verification.slices import Broken, Slice

#: What is remembered before anything was seen.
NOTHING = Checkpoint("own", 0, EMPTY_ROOT)
#: Old lines looked at again in one round; a smaller log is looked at whole in every round.
OLD_LINES = 50_000
#: A round without news is written down once in this time.
QUIET_S = 60.0
#: All ids are compared, and rows of long ago forgotten, once in this time.
DAILY_S = 86_400.0
NEWEST = """
SELECT until, root, ok, findings, generation FROM audit_verification ORDER BY id DESC LIMIT 1
"""
WRITE = """
INSERT INTO audit_verification (at, since, until, root, "full", ok, findings, generation, took_ms)
VALUES (clock_timestamp(), %s, %s, %s, %s, %s, %s, %s, %s)
"""
FORGET = "DELETE FROM audit_verification WHERE ok AND at < clock_timestamp() - interval '14 days'"


class Rolling:
    """One process's verification of the log. ``open``: what does not hold, until looked at again."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        head: Path,
        witnesses: Callable[[], Sequence[VerifierKey]],
        outside: Callable[[], Iterable[Finding]] = tuple,
        told_change: Callable[[bool, list[Finding]], None] = lambda ok, findings: None,
    ) -> None:
        self.connection = connection
        self.open: list[Finding] = []
        #: True once every line was looked at since this start.
        self.full = False
        #: Lines below this one were looked at since this start.
        self.done = 0
        self._head, self._witnesses, self._outside, self._told_change = head, witnesses, outside, told_change
        self._erased = Erased(connection)
        self._cursor = 0
        self._seen = NOTHING
        self._written: tuple[bool, list[Finding]] | None = None
        self._written_at = 0.0
        self._daily_at = -DAILY_S
        self._was_ok = True
        self._generation: int | None = None
        self._doubles: list[Finding] = []
        self._take_over()

    def round(self) -> Iterator[None]:
        """Do one round, giving the caller a turn after each chunk. Errors: database errors."""
        began = time.monotonic()
        first, size = whole.ends(self.connection)
        try:
            ring = Keyring.of(self.connection)
        except BadNote:
            sentence = _("A key of the log can't be read.")
            self._replace_whole([Finding("missing-key", None, sentence)])
            self._write(first, began)
            return
        self._begin_again_after_resume(ring)
        self._replace_whole(self._judge_whole(first, size, ring))
        self.done = max(min(self.done, size), first)
        since = size
        for start, end in self._plan(first, size):
            since = min(since, start)
            yield from self._look_at(start, end, ring, began)
        self.full = True
        self._daily()
        self._write(since, began)

    def _plan(self, first: int, size: int) -> list[tuple[int, int]]:
        """Return the slices of this round: what is new, and what is looked at again."""
        if not self.full:
            return [(self.done, size)] if self.done < size else []
        if size - first <= OLD_LINES:
            return [(first, size)] if size > first else []
        start = self._cursor if first <= self._cursor < self.done else first
        end = min(start + OLD_LINES, self.done)
        self._cursor = end
        return [(self.done, size)] * (self.done < size) + [(start, end)]

    def _look_at(self, start: int, end: int, ring: Keyring, began: float) -> Iterator[None]:
        """Check one slice; what was open in it before, and was judged again, counts no longer after it."""
        judged_from = self.done
        try:
            part = Slice(
                self.connection,
                start,
                end,
                ring=ring,
                witnesses=self._witnesses(),
                erased=self._erased,
                censuses_from=judged_from,
            )
        except Broken as error:
            self.open.append(error.finding)
            return
        before, looked = len(self.open), 0
        try:
            for _lines in part:
                if len(part.findings) > looked:
                    looked = len(part.findings)
                    self.open[before:] = part.findings
                    self._write(start, began)
                yield
        except Broken as error:
            part.report.findings.append(error.finding)
        kept = [f for f in self.open[:before] if self._stands(f, start, end, judged_from)]
        self.open = kept + [f for f in part.findings if f not in kept]
        self.done = max(self.done, end)

    def _stands(self, finding: Finding, start: int, end: int, judged_from: int) -> bool:
        """True for what this slice did not judge: other places, older censuses, ids compared daily."""
        if finding.index is None or not start <= finding.index < end or finding in self._doubles:
            return True
        return finding.code == "census" and finding.index < judged_from

    def _judge_whole(self, first: int, size: int, ring: Keyring) -> list[Finding]:
        findings = [
            *whole.judge_beginning(self.connection, first),
            *whole.judge_end(self.connection),
            *judge_rotations(self.connection),
            *self._outside(),
            *self._doubles,
        ]
        try:
            findings += whole.judge_head(self.connection, self._head, ring)
            compared = whole.compare(self.connection, self._seen, _("An earlier verification"))
            if compared:
                findings.append(compared)
            elif size:
                self._seen = Checkpoint("own", size, whole.root_at(self.connection, size))
        except Broken as error:
            findings.append(error.finding)
        return findings

    def _begin_again_after_resume(self, ring: Keyring) -> None:
        """A person let a halted log go on under a new name: what was seen of the old one counts no more.

        By the number that each row keeps, not by the time: the halt may have been a clock put back.
        """
        generation = ring.keys[-1].generation if ring.keys else 0
        if self._generation not in (None, generation):
            self.open, self.full, self.done = [], False, 0
            self._seen = NOTHING
        self._generation = generation

    def _replace_whole(self, findings: list[Finding]) -> None:
        self.open = [f for f in self.open if f.index is not None] + findings

    def _take_over(self) -> None:
        row = self.connection.execute(NEWEST).fetchone()
        if row is None:
            return
        until, root, self._was_ok, findings, generation = row
        self._generation = generation or None
        self._seen = Checkpoint("own", until, bytes(root)) if until else self._seen
        self.open = [Finding(**finding) for finding in findings]

    def _daily(self) -> None:
        if time.monotonic() - self._daily_at < DAILY_S:
            return
        self._daily_at = time.monotonic()
        self._doubles = whole.judge_doubles(self.connection)
        self.open += [finding for finding in self._doubles if finding not in self.open]
        self.connection.execute(FORGET)

    def _write(self, since: int, began: float) -> None:
        """Write a row when something changed, and once a minute; an entry when it broke or was mended."""
        findings = told(self.open)
        now = (not findings, findings)
        if now == self._written and time.monotonic() - self._written_at < QUIET_S:
            return
        took_ms = int((time.monotonic() - began) * 1000)
        seen = self._seen
        values = [since, seen.size, seen.root, self.full, not findings]
        packed = json.dumps([finding.as_json() for finding in findings])
        with self.connection.transaction():
            self.connection.execute(WRITE, [*values, packed, self._generation or 0, took_ms])
            if self._was_ok != (not findings):
                self._told_change(not findings, findings)
        self._was_ok = not findings
        self._written, self._written_at = now, time.monotonic()
