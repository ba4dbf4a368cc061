"""What an entry costs its transaction, beside a plain INSERT and a chain of hashes in the request.

Three transactions with the same change of state in them, as every service makes one (lock a row, change it),
through the same Django connection:

    record  the console's own ``audit.record``: actor and request from the context, validated, canonical
    plain   an INSERT of an equally long text into a table with the same columns and nothing else
    chain   lock the newest hash, hash the text to it, INSERT, move the head: what "immutable" often means
"""

from __future__ import annotations

import hashlib
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.audit_place import Crew, Place

KINDS = ("record", "plain", "chain")
WRITERS = 16
WORK_S = 0.005

PLAIN = "INSERT INTO bench_plain (uid, body) VALUES (%s, %s)"
HEAD = "SELECT n, hash FROM bench_head WHERE id = 1 FOR UPDATE"
CHAIN = "INSERT INTO bench_chain (n, uid, body, hash) VALUES (%s, %s, %s, %s)"
MOVE = "UPDATE bench_head SET n = %s, hash = %s WHERE id = 1"
LOCK = "SELECT n FROM bench_act WHERE id = %s FOR UPDATE"
ACT = "UPDATE bench_act SET n = n + 1, at = clock_timestamp() WHERE id = %s"
WORK = "SELECT pg_sleep(%s)"


@dataclass(frozen=True)
class Block:
    """What all writers together did in one block: transactions a second, and each one's seconds."""

    rate: float
    times: list[float]


class Writer:
    """One process's transactions. Everything that is not the transaction is made ready before."""

    def __init__(self, number: int, seed: int) -> None:
        import audit
        from audit.context import acting_as
        from csoc.lib.ids import uuid7

        self.number = number
        self.random = random.Random(f"{seed} {number}")
        self.actor = audit.Actor(
            "person",
            f"u-{1000 + number}",
            badge=str(4000 + number),
            role="dispatcher",
            agency="DEMO-PS",
            session="5f0c2a9be4d1",
            ip="127.0.0.1",
            auth="password+totp",
            name=f"Person {number}",
        )
        self.reason = audit.Reason("alert-response", cad="P261234567")
        self.refs = [audit.Ref("alert", uuid7(), "DEMO-PS") for _ in range(200)]
        self._audit, self._acting_as, self._uuid7 = audit, acting_as, uuid7
        with acting_as(self.actor, req="0199f3a1-7c00-7000-8000-00000000c0de"):
            self.body = audit.body("alert.view", self.refs[0], reason=self.reason).decode()
        self.transactions: dict[str, Callable[[], None]] = {
            "record": self._record, "plain": self._plain, "chain": self._chain,
        }  # fmt: skip

    def one(self, kind: str, work_s: float, act: bool = True) -> float:
        """Do one transaction; return its seconds. ``act``: with a change of state to tell of."""
        from django.db import connection, transaction

        write = self.transactions[kind]
        begun = time.perf_counter()
        with transaction.atomic():
            if act:
                with connection.cursor() as cursor:
                    cursor.execute(LOCK, [self.number])
                    cursor.fetchone()
                    cursor.execute(ACT, [self.number])
            write()
            if work_s:
                with connection.cursor() as cursor:
                    cursor.execute(WORK, [work_s])
        return time.perf_counter() - begun

    def _record(self) -> None:
        self._audit.record("alert.view", self.random.choice(self.refs), reason=self.reason)

    def _plain(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(PLAIN, [self._uuid7(), self.body])

    def _chain(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(HEAD)
            n, newest = cursor.fetchone()
            grown = hashlib.sha256(bytes(newest) + self.body.encode()).digest()
            cursor.execute(CHAIN, [n, self._uuid7(), self.body, grown])
            cursor.execute(MOVE, [n + 1, grown])


_writers: dict[int, Writer] = {}


def work(number: int, what: str, *order: Any) -> list[float]:
    """Run in a writer process: ``mix`` transactions of both kinds in turns, or a ``block`` of one kind."""
    writer = _writers.setdefault(number, Writer(number, int(order[-1])))
    with writer._acting_as(writer.actor, req="0199f3a1-7c00-7000-8000-00000000c0de"):
        return _mix(writer, *order[:-1]) if what == "mix" else _block(writer, *order[:-1])


def _mix(writer: Writer, pairs: int, act: bool) -> list[float]:
    """Return seconds of record, plain, record, plain …; which comes first in a pair is drawn."""
    times = []
    for _ in range(pairs):
        kinds = ["record", "plain"]
        writer.random.shuffle(kinds)
        took = {kind: writer.one(kind, 0.0, act) for kind in kinds}
        times += [took["record"], took["plain"]]
    return times


def _block(writer: Writer, kind: str, seconds: float, work_s: float) -> list[float]:
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        times.append(writer.one(kind, work_s))
    return times


def alone(pairs: int, seed: int, *, act: bool) -> tuple[list[float], list[float]]:
    """Return the seconds of (record, plain) of one writer, drawn in turns."""
    crew = Crew(1, work)
    try:
        crew.run("mix", 50, act, seed)
        times = crew.run("mix", pairs, act, seed)[0]
    finally:
        crew.end()
    return times[0::2], times[1::2]


def together(
    place: Place, rounds: int, seconds: float, work_s: float, seed: int, writers: int = WRITERS
) -> dict[str, list[Block]]:
    """Return blocks of every kind by many writers at once; the order within a round is drawn.

    Between two blocks the inbox is emptied, so that no block pays for another.
    """
    drawn = random.Random(seed)
    crew = Crew(writers, work)
    blocks: dict[str, list[Block]] = {kind: [] for kind in KINDS}
    try:
        for kind in KINDS:
            crew.run("block", kind, 0.5, work_s, seed)
        for _ in range(rounds):
            for kind in drawn.sample(KINDS, len(KINDS)):
                place.drained()
                begun = time.perf_counter()
                times = [
                    value for answer in crew.run("block", kind, seconds, work_s, seed) for value in answer
                ]
                blocks[kind].append(Block(len(times) / (time.perf_counter() - begun), times))
    finally:
        crew.end()
    place.drained()
    return blocks


def ratio(blocks: dict[str, list[Block]], kind: str, other: str) -> tuple[float, float, float]:
    """Return the median, least and greatest ratio of the rates, round by round."""
    ratios = sorted(a.rate / b.rate for a, b in zip(blocks[kind], blocks[other], strict=True))
    return statistics.median(ratios), ratios[0], ratios[-1]
