"""A log whose lines have the times a test wants: the real sequencer, told another time of day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from audit import entry, lines
from audit.appender import New
from audit.entry import Actor, Outcome, Reason, Ref
from audit.head import Head
from audit.logkeys import LogKeys
from audit.models import Entry
from audit.sequencer import Sequencer
from csoc.lib.ids import uuid7

INSERT = "INSERT INTO audit_inbox (uid, body, at) VALUES (%s, %s, %s)"
Connect = Callable[[str], psycopg.Connection[Any]]


class Dated(Sequencer):
    """A sequencer whose database says the time that a test wants."""

    time: datetime

    def _now(self) -> datetime:
        return self.time


class Planted:
    """Writes entries of any time, in the order of their times, and has the sequencer place and sign them."""

    def __init__(self, connect_as: Connect, keys: LogKeys, head: Head, begin: datetime) -> None:
        self.connection = connect_as("csoc_owner")
        connection = connect_as("csoc_sequencer")
        connection.autocommit = False
        self.sequencer = Dated(connection, keys, head)
        self.sequencer.time = begin - timedelta(days=30)
        assert self.sequencer.take_office()

    @property
    def size(self) -> int:
        """How many lines the log has."""
        return self.sequencer.size

    def sequence(self) -> int:
        """Place and sign what waits; the console's own entries carry the real time."""
        newest = self.sequencer._log.newest
        self.sequencer.time = max(self.sequencer.time, newest or self.sequencer.time)
        while self.sequencer.step():
            pass
        return self.size

    def halt(self) -> tuple[int, int]:
        """Have the sequencer write that the log had halted and goes on; return both indexes."""
        halt, resume = uuid7(), uuid7()
        written = [
            (halt, lines.halted(halt, "behind")),
            (resume, lines.resumed(resume, halt, "restored", "u-1107", "u-2208")),
        ]
        now = self.sequencer.time
        with self.sequencer.connection.transaction():
            self.sequencer._log.append([New(uid, line, now) for uid, line in written], now)
        self.sequencer._sign()
        return self.size - 2, self.size - 1

    def malform(self, at: datetime) -> int:
        """Write a body that is no entry; return the index of what it was wrapped in."""
        uid = uuid7()
        self.connection.execute(INSERT, [uid, "no entry", at])
        return self.indexes([uid], at)[0]

    def write(
        self,
        verb: str,
        obj: str,
        *,
        at: datetime,
        actor: str = "u-1042",
        name: str = "Avery Singh",
        agency: str = "DEMO-PS",
        session: str = "0123456789abcdef",
        reason: str = "",
        cad: str | None = None,
        result: str = "allowed",
        parent: str | None = None,
        extra: Any = None,
    ) -> int:
        """Write one entry of a person and return its index."""
        kind, _, identity = obj.partition(":")
        person = Actor("person", actor, role="dispatcher", agency=agency, session=session, name=name)
        why = Reason(reason, cad=cad) if reason else None
        ref = Ref(kind, identity, agency)
        return self.indexes([self._body(person, verb, ref, why, result, parent, extra, at)], at)[0]

    def write_many(self, verb: str, obj: str, times: list[datetime], agency: str = "DEMO-PS") -> list[int]:
        """Write many entries with one move into the log."""
        kind, _, identity = obj.partition(":")
        person = Actor("person", "u-1042", role="dispatcher", agency=agency, name="Avery Singh")
        uids = [
            self._body(person, verb, Ref(kind, identity, agency), None, "allowed", None, None, at)
            for at in times
        ]
        return self.indexes(uids, max(times))

    def _body(
        self, actor: Actor, verb: str, ref: Ref, reason: Reason | None, result: str,
        parent: str | None, extra: Any, at: datetime,
    ) -> UUID:  # fmt: skip
        uid = uuid7()
        special = {} if extra is None else {"extra": extra}
        body = entry.build(
            uid=uid, actor=actor, verb=verb, ref=ref, reason=reason, outcome=Outcome(result), parent=parent,
            **special,
        )  # fmt: skip
        self.connection.execute(INSERT, [uid, body, at])
        return uid

    def indexes(self, uids: list[UUID], at: datetime) -> list[int]:
        """Move what waits, and return where these stand."""
        self.sequencer.time = max(self.sequencer.time, at)
        self.sequence()
        found = dict(Entry.objects.filter(uid__in=uids).values_list("uid", "idx"))
        return [found[uid] for uid in uids]

    def uid(self, idx: int) -> str:
        """The uid of a line."""
        return str(Entry.objects.get(idx=idx).uid)
