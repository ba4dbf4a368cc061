"""A log whose entries have the times a test wants: written as the inbox's owner, placed by the sequencer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from audit import entry
from audit.entry import Actor, Outcome, Reason, Ref
from audit.models import Checkpoint, Entry
from csoc.lib.ids import uuid7

INSERT = "INSERT INTO audit_inbox (uid, body, at) VALUES (%s, %s, %s)"


class Planted:
    """Writes entries of any time, and has the real sequencer place them."""

    def __init__(self, connection: psycopg.Connection[Any], sequence: Callable[[], int]) -> None:
        self.connection = connection
        self.sequence = sequence
        self.size = sequence()

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
        return self.indexes([self._body(person, verb, ref, why, result, parent, extra, at)])[0]

    def write_many(self, verb: str, obj: str, times: list[datetime], agency: str = "DEMO-PS") -> list[int]:
        """Write many entries with one move into the log."""
        kind, _, identity = obj.partition(":")
        person = Actor("person", "u-1042", role="dispatcher", agency=agency, name="Avery Singh")
        uids = [
            self._body(person, verb, Ref(kind, identity, agency), None, "allowed", None, None, at)
            for at in times
        ]
        return self.indexes(uids)

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

    def indexes(self, uids: list[UUID]) -> list[int]:
        """Move what waits, and return where these stand."""
        self.size = self.sequence()
        self._seal()
        found = dict(Entry.objects.filter(uid__in=uids).values_list("uid", "idx"))
        return [found[uid] for uid in uids]

    def uid(self, idx: int) -> str:
        """The uid of a line."""
        return str(Entry.objects.get(idx=idx).uid)

    def _seal(self) -> None:
        rows = Entry.objects.order_by("idx").values_list("leaf", flat=True)
        if not Checkpoint.objects.filter(size=len(rows)).exists():
            from audit.tree import Frontier
            frontier = Frontier()
            for leaf in rows:
                frontier.append(bytes(leaf))
            self.connection.execute(
                "INSERT INTO audit_checkpoint (size, root, note, at) VALUES (%s, %s, 'x', now())",
                [frontier.size, frontier.root()],
            )
