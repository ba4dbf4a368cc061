"""Appends lines, their leaf hashes and the nodes they complete, inside the caller's transaction.

It remembers what the next line needs: the tree's peaks, the newest time, and each actor's and object's
newest line. After a rollback that memory is ahead of the log, so whoever rolled back throws it away.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from audit import lines
from audit.halt import Halt
from audit.lines import Last, Sealable
from audit.tree import Frontier, leaf_hash

#: Newest lines kept in memory; past it the log itself is asked again.
REMEMBERED = 50_000

LINES = "COPY audit_log (idx, uid, line, leaf) FROM STDIN (FORMAT BINARY)"
NODES = "COPY audit_node (level, n, hash) FROM STDIN (FORMAT BINARY)"
#: The upper bound lets PostgreSQL leave out the partitions that are still empty.
NEWEST = """
SELECT wanted.key, found.idx, found.total
FROM unnest(%(keys)s::text[]) AS wanted(key), LATERAL (
    SELECT idx, (line::jsonb ->> '{count}')::bigint AS total FROM audit_log
    WHERE {column} = wanted.key AND idx < %(size)s ORDER BY idx DESC LIMIT 1
) AS found
"""
CARRIED = "SELECT key, idx, total FROM audit_carried WHERE kind = %(kind)s AND key = ANY(%(keys)s)"


class New(NamedTuple):
    """An entry that gets its place: ``at`` is when it was written, by the database's clock."""

    uid: UUID
    sealable: Sealable
    at: datetime


def refuse_backwards(newest: datetime | None, now: datetime) -> None:
    """Refuse a clock that shows less than the log's newest line, minus what a line may lag. Errors: Halt."""
    if newest is not None and now < newest - lines.MAX_LAG:
        raise Halt("clock-backwards", f"it says {now:%F %T}, the newest line {newest:%F %T}")


class Appender:
    """Lines from ``frontier.size`` on. ``newest``: the newest time in the log, None in an empty one."""

    def __init__(
        self, connection: psycopg.Connection[Any], frontier: Frontier, newest: datetime | None
    ) -> None:
        self.connection = connection
        self.frontier = frontier
        self.newest = newest
        self._actors: dict[str, Last] = {}
        self._objects: dict[str, Last] = {}

    def append(self, entries: list[New], now: datetime) -> None:
        """Write ``entries`` in order. ``now``: the database's clock. Errors: Halt, nothing stands then."""
        refuse_backwards(self.newest, now)
        self._recall(self._actors, "actor", "na", {new.sealable.actor for new in entries})
        self._recall(self._objects, "object", "no", {new.sealable.object for new in entries})
        nodes: list[tuple[int, int, bytes]] = []
        self._copy(LINES, ["int8", "uuid", "text", "bytea"], self._lines(entries, now, nodes))
        self._copy(NODES, ["int2", "int8", "bytea"], nodes)

    def _lines(
        self, entries: list[New], now: datetime, nodes: list[tuple[int, int, bytes]]
    ) -> Iterator[tuple[int, UUID, str, bytes]]:
        """Make the lines while PostgreSQL already takes in the first; ``nodes`` gets what they complete."""
        for new in entries:
            idx, text = self.frontier.size, self._line(new, now)
            leaf = leaf_hash(text)
            nodes += self.frontier.append(leaf)
            yield idx, new.uid, text, leaf

    def _line(self, new: New, now: datetime) -> str:
        idx, actor, ref = self.frontier.size, new.sealable.actor, new.sealable.object
        before, ref_before = self._actors.get(actor), self._objects.get(ref)
        at = lines.written_at(new.at, self.newest, now)
        self.newest = max(at, self.newest or at)
        self._actors[actor] = Last(idx, before.total + 1 if before else 1)
        self._objects[ref] = Last(idx, ref_before.total + 1 if ref_before else 1)
        return lines.line(new.sealable.body, idx, at, before, ref_before)

    def _copy(self, command: str, types: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
        first = self.frontier.size
        try:
            with self.connection.cursor() as cursor, cursor.copy(command) as copy:
                copy.set_types(types)
                for row in rows:
                    copy.write_row(row)
        except psycopg.errors.CheckViolation as error:
            if "no partition" in str(error):
                raise Halt("no-partition", f"line {first} and those after it wait") from error
            raise

    def _recall(self, memory: dict[str, Last], column: str, count: str, keys: set[str]) -> None:
        """Fetch the newest line of those this process has not seen yet, pruned ones included."""
        if len(memory) > REMEMBERED:
            memory.clear()
        unknown = [key for key in keys if key not in memory]
        if not unknown:
            return
        wanted = {"keys": unknown, "kind": column, "size": self.frontier.size}
        for query in (CARRIED, NEWEST.format(column=column, count=count)):
            for key, idx, total in self.connection.execute(query, wanted):
                memory[key] = Last(idx, total)
