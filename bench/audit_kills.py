"""Writers commit and roll back while two sequencers are killed again and again; then every line is looked at.

Each writer remembers what committed, in its order, and what did not. A kill is SIGKILL at a moment that is
drawn, mostly for whoever holds the lock; the next sequencer starts at once. In the end the log must hold
every committed entry once, none that was rolled back, each writer's in the order of its commits, and a tree
whose every signed checkpoint is the root over the lines as they stand.

``python -m bench.audit_kills`` does it on the database of the environment, for tests: it prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg

from bench.audit_place import FORK, Crew

WRITERS = 16
ROLLED_BACK = 0.15
#: A sequencer is left in office for so long in the mean, in seconds: some die on the threshold, some after
#: several batches.
LIFE_S = 0.4
#: Nobody takes office for so long, in seconds: then whoever is next in line is killed on the threshold.
VACANT_S = 1.5
#: How long the last sequencer has for what is left.
DRAIN_S = 120.0
HOLDER = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND (classid, objid) = (%s, %s)
"""
LINES = "SELECT idx, uid, line, leaf FROM audit_log ORDER BY idx"
CHECKPOINTS = "SELECT size, root, note FROM audit_checkpoint ORDER BY size"


class RolledBack(Exception):
    """What a writer raises inside a transaction that shall not stand."""


@dataclass
class Outcome:
    """What was done and what became of it; everything from ``missing`` on must be 0."""

    commits: int = 0
    rollbacks: int = 0
    kills: int = 0
    kills_in_office: int = 0
    lines: int = 0
    checkpoints: int = 0
    missing: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    from_rollbacks: int = 0
    broken_links: int = 0
    wrong_leaves: int = 0
    wrong_roots: int = 0

    @property
    def faults(self) -> int:
        """Return the number of everything that must not be."""
        return sum(value for name, value in asdict(self).items() if name in FAULTS)


FAULTS = (
    "missing", "duplicated", "out_of_order", "from_rollbacks", "broken_links", "wrong_leaves", "wrong_roots",
)  # fmt: skip


def run(
    sequencer_url: str, admin: Callable[[], psycopg.Connection[Any]], *, commits: int, kills: int,
    seed: int, writers: int = WRITERS, say: Callable[[str], None] = lambda text: None,
) -> Outcome:  # fmt: skip
    """Do it. Django is loaded with the app's role; ``admin`` opens a superuser's connection."""
    allowed = FORK.Value("q", 0)
    crew = Crew(writers, lambda number, *order: _write(number, allowed, *order))
    killer = _Killer(sequencer_url, admin, kills, random.Random(seed))
    outcome = Outcome()
    try:
        crew.tell(commits // writers, seed)
        for done in killer.kill_all():
            # Writing keeps pace with killing, so that every kill meets work.
            allowed.value = commits // writers * done // kills
            if done % 20 == 0:
                say(f"  {done} of {kills} kills")
        allowed.value = commits
        told = crew.answers()
    finally:
        crew.end()
        killer.leave_one(DRAIN_S)
    outcome.kills, outcome.kills_in_office = killer.kills, killer.in_office
    _judge(outcome, told, admin)
    return outcome


def _write(number: int, allowed: Any, count: int, seed: int) -> tuple[list[UUID], list[UUID]]:
    """Commit ``count`` entries in a writer process; return what committed, in order, and what did not."""
    from django.db import transaction

    import audit
    from audit.context import acting_as

    drawn, stood, gone = random.Random(f"{seed} {number}"), [], []
    actor = audit.Actor("person", f"u-{number}", agency="DEMO-PS", role="dispatcher")
    with acting_as(actor):
        while len(stood) < count:
            if len(stood) >= allowed.value:
                time.sleep(0.005)
                continue
            ref, fails = (
                audit.Ref("alert", str(drawn.randrange(500)), "DEMO-PS"),
                drawn.random() < ROLLED_BACK,
            )
            receipt = None
            with contextlib.suppress(RolledBack), transaction.atomic():
                receipt = audit.record("alert.view", ref)
                if fails:
                    raise RolledBack
            (gone if fails else stood).append(receipt.uid)
    return stood, gone


class _Killer:
    """Two sequencers at a time, forked from a process that has loaded them already."""

    def __init__(
        self, url: str, admin: Callable[[], psycopg.Connection[Any]], wanted: int, drawn: random.Random
    ) -> None:
        self.url, self.admin, self.wanted, self.drawn = url, admin, wanted, drawn
        self.kills = self.in_office = 0
        self.sequencers = [self._begin(), self._begin()]

    def kill_all(self) -> Any:
        """Kill until enough were killed; yield how many have been."""
        with self.admin() as connection:
            while self.kills < self.wanted:
                self._await_holder(connection)
                time.sleep(min(self.drawn.expovariate(1 / LIFE_S), 4 * LIFE_S))
                holder = self._holder(connection)
                # Mostly the one at work; sometimes the other, which must not matter.
                at_work = [one for one in self.sequencers if holder and one[1].value == holder]
                victim = at_work[0] if at_work and self.drawn.random() < 0.9 else self.sequencers[0]
                self.in_office += victim in at_work
                self._kill(victim)
                self.sequencers.append(self._begin())
                yield self.kills

    def leave_one(self, within_s: float) -> None:
        """Let what is left be sequenced, then stop everything gently. Errors: TimeoutError."""
        deadline = time.monotonic() + within_s
        with self.admin() as connection:
            while connection.execute("SELECT EXISTS (SELECT FROM audit_inbox)").fetchone() == (True,):
                if time.monotonic() > deadline:
                    raise TimeoutError("the last sequencer does not empty the inbox")
                time.sleep(0.05)
        time.sleep(0.5)
        for process, _pid in self.sequencers:
            process.terminate()
            process.join(20)

    def _await_holder(self, connection: psycopg.Connection[Any]) -> None:
        deadline = time.monotonic() + VACANT_S
        while not self._holder(connection) and time.monotonic() < deadline:
            time.sleep(0.005)

    def _holder(self, connection: psycopg.Connection[Any]) -> int:
        from audit.sequencer import LOCK

        row = connection.execute(HOLDER, LOCK).fetchone()
        return int(row[0]) if row else 0

    def _kill(self, victim: tuple[Any, Any]) -> None:
        process, _pid = victim
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        self.sequencers.remove(victim)
        self.kills += 1

    def _begin(self) -> tuple[Any, Any]:
        pid = FORK.Value("q", 0)
        process = FORK.Process(target=_sequence, args=(self.url, pid), daemon=True)
        process.start()
        return process, pid


def _sequence(url: str, pid: Any) -> None:
    """Be a sequencer, as ``manage.py audit_sequence`` is one, until killed; tell the pid of its backend."""
    import threading

    from audit import serving

    # That each stands by in turn is what this is about.
    logging.disable(logging.WARNING)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def connect() -> psycopg.Connection[Any]:
        connection = psycopg.connect(url, options="-c timezone=UTC -c lock_timeout=10000")
        pid.value = connection.info.backend_pid
        return connection

    serving.run(connect, stop.is_set)
    os._exit(0)


def _judge(
    outcome: Outcome,
    told: list[tuple[list[UUID], list[UUID]]],
    admin: Callable[[], psycopg.Connection[Any]],
) -> None:
    """Compare the log with what the writers know, and with itself."""
    from audit.tree import Frontier, leaf_hash

    with admin() as connection:
        rows = connection.execute(LINES).fetchall()
        checkpoints = connection.execute(CHECKPOINTS).fetchall()
    places: dict[UUID, list[int]] = {}
    frontier, roots, newest = Frontier(), {}, {"pa": {}, "po": {}}
    signed = {size for size, _root, _note in checkpoints}
    for expected, (idx, uid, line, leaf) in enumerate(rows):
        places.setdefault(uid, []).append(idx)
        told_line = json.loads(line)
        outcome.wrong_leaves += bytes(leaf) != leaf_hash(line)
        outcome.broken_links += idx != expected or told_line["i"] != idx or not _linked(told_line, newest)
        frontier.append(bytes(leaf))
        if frontier.size in signed:
            roots[frontier.size] = frontier.root()
    for size, root, _note in checkpoints:
        outcome.wrong_roots += roots.get(size) != bytes(root)
    outcome.wrong_roots += not checkpoints or checkpoints[-1][0] != len(rows)
    for stood, gone in told:
        outcome.commits += len(stood)
        outcome.rollbacks += len(gone)
        outcome.missing += sum(uid not in places for uid in stood)
        outcome.duplicated += sum(len(places.get(uid, ())) > 1 for uid in stood)
        outcome.from_rollbacks += sum(uid in places for uid in gone)
        order = [places[uid][0] for uid in stood if uid in places]
        outcome.out_of_order += sum(a >= b for a, b in itertools.pairwise(order))
    outcome.lines, outcome.checkpoints = len(rows), len(checkpoints)


def _linked(line: dict[str, Any], newest: dict[str, dict[str, int]]) -> bool:
    """True when the line points at its actor's and its object's line before it."""
    entry = line["e"]
    keys = {"pa": entry["actor"]["id"], "po": f"{entry['object']['type']}:{entry['object']['id']}"}
    fits = all(line[name] == newest[name].get(key) for name, key in keys.items())
    for name, key in keys.items():
        newest[name][key] = line["i"]
    return fits


def main(words: list[str]) -> int:
    """Do it on the database of the environment; print JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit_kills", description=__doc__)
    parser.add_argument("--sequencer-url", required=True)
    parser.add_argument("--admin-url", required=True)
    for name, default in (("commits", 100_000), ("kills", 200), ("seed", 1), ("writers", WRITERS)):
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args(words)
    import django

    django.setup()
    outcome = run(
        chosen.sequencer_url,
        lambda: psycopg.connect(chosen.admin_url, autocommit=True),
        commits=chosen.commits,
        kills=chosen.kills,
        seed=chosen.seed,
        writers=chosen.writers,
    )
    print(json.dumps(asdict(outcome)))
    return int(outcome.faults > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
