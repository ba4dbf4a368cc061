"""The census: one root over every actor's and object's last index and count, so that a withheld line shows.

Its leaves are computed from the log each time and kept nowhere: an entry of the log that says too few is
found by whoever counts again. Everything streams, so memory does not grow with the log.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction

from audit.entry import Ref, canonical
from audit.record import Receipt, commit
from audit.tree import Frontier, leaf_hash, root_from_inclusion

#: Sorted as the format says: kind, then the key's UTF-8 bytes. Where partitions were pruned, the counts of
#: those who have no later line stand in audit_carried.
LEAVES = """
WITH newest AS (
    SELECT {column} AS key, max(idx) AS idx FROM audit_log WHERE idx < %(size)s GROUP BY {column}
), counted AS (
    SELECT newest.key, newest.idx, (l.line::jsonb ->> '{count}')::bigint AS total
    FROM newest JOIN audit_log l ON l.idx = newest.idx
)
SELECT key, idx, total FROM (
    SELECT key, idx, total FROM counted
    UNION ALL
    SELECT key, idx, total FROM audit_carried
    WHERE kind = '{kind}' AND NOT EXISTS (SELECT FROM newest WHERE newest.key = audit_carried.key)
) AS leaves ORDER BY key COLLATE "C"
"""
KINDS = (("actor", "actor", "na"), ("object", "object", "no"))
SIZE = "SELECT coalesce(max(idx) + 1, 0) FROM audit_log"
#: A log of millions of lines is read whole.
TIMEOUT = "SET LOCAL statement_timeout = '20min'"
ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Counted:
    """The census over lines 0 … ``size`` - 1. ``position`` and ``leaf``: of the key asked for, if there."""

    size: int
    actors: int
    objects: int
    root: bytes
    position: int | None = None
    leaf: str = ""

    @property
    def leaves(self) -> int:
        """How many leaves the root stands over."""
        return self.actors + self.objects

    def member(self) -> dict[str, Any]:
        """Return what the ``log.census`` entry carries."""
        return {"actors": self.actors, "objects": self.objects, "root": self.root.hex(), "size": self.size}


@dataclass(frozen=True, slots=True)
class Taken:
    """A census that was written: its entry's receipt, how many lines it counts, and its root."""

    receipt: Receipt
    size: int
    root: bytes
    counted: Counted


def take(kind: str = "", key: str = "", using: str = "default") -> Taken:
    """Count the whole log and commit a ``log.census`` entry; ``kind`` and ``key`` ask for one leaf's place.

    The caller says who acts. What a crash leaves: before the entry nothing, after it a census like any
    other. Errors: database errors, NoActor.
    """
    counted = count(kind=kind, key=key, using=using)
    receipt = commit("log.census", Ref("log", "audit"), extra={"census": counted.member()})
    return Taken(receipt, counted.size, counted.root, counted)


def count(size: int | None = None, kind: str = "", key: str = "", using: str = "default") -> Counted:
    """Return the census over the first ``size`` lines (None: all that have their place now)."""
    tree, totals = Frontier(), {"actor": 0, "object": 0}
    position, found = None, ""
    if size is None:
        size = _size(using)
    for leaf_kind, leaf_key, text in leaves(size, using):
        if leaf_kind == kind and leaf_key == key:
            position, found = tree.size, text
        tree.append(leaf_hash(text))
        totals[leaf_kind] += 1
    return Counted(size, totals["actor"], totals["object"], tree.root(), position, found)


def prove(counted: Counted, using: str = "default") -> list[bytes]:
    """Return the inclusion proof (RFC 6962, lowest first) of ``counted.leaf``, reading the leaves again.

    Errors: ValueError without a position, or when the log no longer gives the census's root.
    """
    if counted.position is None:
        raise ValueError("the census has no leaf of that key")
    path = _Path(counted.position, counted.leaves)
    for _kind, _key, text in leaves(counted.size, using):
        path.add(leaf_hash(text))
    proof, root = path.finish()
    if root != counted.root:
        raise ValueError("the log does not give the same census twice")
    return proof


def leaves(size: int, using: str = "default") -> Iterator[tuple[str, str, str]]:
    """Yield (kind, key, leaf text) of the census over the first ``size`` lines, in its order."""
    for kind, column, number in KINDS:
        query = LEAVES.format(kind=kind, column=column, count=number)
        with transaction.atomic(using=using), _cursor(using) as cursor:
            cursor.execute(query, {"size": size})
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                for key, idx, total in rows:
                    yield kind, key, canonical([kind, key, idx, total])


def _cursor(using: str) -> Any:
    """Open a server-side cursor, in a transaction that may take its time."""
    with connections[using].cursor() as cursor:
        cursor.execute(TIMEOUT)
    return connections[using].chunked_cursor()


def _size(using: str) -> int:
    with connections[using].cursor() as cursor:
        cursor.execute(SIZE)
        return int(cursor.fetchone()[0])


class _Path:
    """The inclusion proof of one leaf out of a stream of all of them: one frontier per sibling."""

    def __init__(self, index: int, size: int) -> None:
        self.index, self.size = index, size
        self._own = b""
        self._next = 0
        self._siblings = [(start, end, Frontier()) for start, end in _sibling_ranges(index, size)]

    def add(self, leaf: bytes) -> None:
        """Take the next leaf hash."""
        n, self._next = self._next, self._next + 1
        if n == self.index:
            self._own = leaf
            return
        for start, end, tree in self._siblings:
            if start <= n < end:
                tree.append(leaf)
                return

    def finish(self) -> tuple[list[bytes], bytes]:
        """Return the proof and the root it leads to. Errors: ValueError for a stream of another length."""
        if self._next != self.size:
            raise ValueError(f"there are {self._next} leaves, not {self.size}")
        proof = [tree.root() for _start, _end, tree in self._siblings]
        return proof, root_from_inclusion(self._own, self.index, self.size, proof)


def _sibling_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Return the leaves that each hash of the proof stands over, lowest first (RFC 6962 2.1.1)."""
    found = []
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1]
