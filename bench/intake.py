"""`bench intake`: how long a signed alert takes to be durable, and how many a second are taken at most.

The limit is the same rows written by plain psycopg on as many connections; the peer is alerta-server
(`bench.peer`). All of them work in turns, so that they meet the same machine.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
from typing import Any

from bench import driving, peer
from bench.floor import Floor, pattern
from bench.posting import CONNECTIONS, Answer, Senders
from bench.run import Run
from bench.table import Goal, ratio

PER_SECOND = 50
POST_P99 = Goal(50, 15, 8)
SIGNATURE = Goal(300, 150, 110, "us")
#: Of the commits that the machine makes on as many connections.
OF_LIMIT = {"single": Goal(8, 15, 25, "%", less=False), "bulk": Goal(75, 150, 250, "%", less=False)}
#: Of the alerts that the best alerta takes.
OF_PEER = {"single": Goal(3, 6, 10, "x", less=False), "bulk": Goal(25, 50, 100, "x", less=False)}
#: How much more than the peer each posts in a round, so that a round lasts seconds for all: in a short one
#: the connections that end first would leave a processor idle at its end.
TIMES = {"single": 2, "bulk": 16, "limit": 8}
HUNDRED = 100


def signature(run: Run) -> None:
    """What one signature check costs, nothing else around it, in a process of its own."""
    command = [sys.executable, "-m", "bench.signature_check"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    whole, bare = zip(*(map(float, line.split()) for line in told.stdout.splitlines()), strict=True)
    run.table.limit_times("Ed25519 verification by itself", [one / 1e6 for one in bare])
    run.table.micros("signature check, whole (parse, key, time, Ed25519)", whole, SIGNATURE)


def paced(run: Run) -> None:
    """A steady 50 alerts a second; every 2xx must be a row and an entry."""
    asyncio.run(_paced(run))


async def _paced(run: Run) -> None:
    bodies = [run.speaker.gunshot() for _ in range(run.n)]
    requests = [run.speaker.raw(body) for body in bodies]
    async with Senders(run.info["url"]) as senders:
        answers = await senders.paced(requests, PER_SECOND)
    run.table.times(f"POST -> durable 201 at {PER_SECOND}/s", [a.seconds for a in answers], POST_P99)
    judge(run, "POST at 50/s", [body["id"] for body in bodies], answers)


def saturated(run: Run) -> None:
    """As many as are taken, one by one and by the hundred, beside the limit and the peer."""
    try:
        place: Any = peer.running(run.info["database_url"])
        with place as peers:
            asyncio.run(_saturated(run, peers))
    except peer.Absent as absent:
        run.table.value(f"{peer.NAME}: {absent}", "not measured", 0)
        asyncio.run(_saturated(run, []))


async def _saturated(run: Run, peers: list[peer.Peer]) -> None:
    single, bulk, plain = Load("single"), Load("bulk"), Plain(run)
    async with Senders(run.info["url"]) as senders:
        for _round in range(run.rounds):
            await single.round(senders, run, [run.speaker.gunshot() for _ in range(run.n * TIMES["single"])])
            await bulk.round(senders, run, _hundreds(run))
            plain.round(run)
            for one in peers:
                await one.round(run.n)
    plain.report(run)
    for load in (single, bulk):
        load.report(run, plain.per_second)
        judge(run, f"saturated {load.name} intake", load.ids, load.answers, load.status)
    if peers:
        _compare(run, peers, (single, bulk))


def _hundreds(run: Run) -> list[list[dict[str, Any]]]:
    arrays = max(CONNECTIONS, run.n * TIMES["bulk"] // HUNDRED)
    return [[run.speaker.gunshot() for _ in range(HUNDRED)] for _ in range(arrays)]


def _compare(run: Run, peers: list[peer.Peer], loads: tuple[Load, Load]) -> None:
    """The peer's rates, and ours over those of its best configuration."""
    for one in peers:
        told = f"{statistics.median(one.per_second):.0f}/s"
        run.table.value(f"{peer.NAME}, {one.name}", told, one.accepted)
        run.table.check(one.sound(), f"{peer.NAME}, {one.name}: {one.accepted} of {one.posted} are rows")
    best = max(peers, key=lambda one: statistics.median(one.per_second))
    for load in loads:
        times = ratio(load.per_second, best.per_second)
        name = f"  {load.name} intake / best alerta ({peer.OTHER_JOB})"
        run.table.value(name, f"{times:.1f} x", run.rounds, OF_PEER[load.name], times)


class Load:
    """One way of posting as fast as it is taken: its rate of each round, and what became of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ids: list[str] = []
        self.answers: list[Answer] = []
        self.per_second: list[float] = []
        self.status = 200 if name == "bulk" else 201

    async def round(self, senders: Senders, run: Run, values: list[Any]) -> None:
        """Sign first, then post all of them, then let the log catch up: nobody pays for another's entries."""
        requests = [run.speaker.raw(value) for value in values]
        seconds, answers = await senders.flat_out(requests)
        alerts = [one for value in values for one in (value if isinstance(value, list) else [value])]
        self.ids += [alert["id"] for alert in alerts]
        self.answers += answers
        self.per_second.append(len(alerts) / seconds)
        driving.settled(run.info)

    def report(self, run: Run, limit: list[float]) -> None:
        """The rate, and its share of the limit's in the same round."""
        share, goal = 100 * ratio(self.per_second, limit), OF_LIMIT[self.name]
        rate = f"{statistics.median(self.per_second):.0f}/s"
        run.table.value(f"{self.name} intake, {CONNECTIONS} connections", rate, len(self.ids))
        name = f"  {self.name} intake / commit limit of {CONNECTIONS} connections"
        run.table.value(name, f"{share:.1f} %", run.rounds, goal, share)


class Plain:
    """The limit: the same rows by plain psycopg."""

    def __init__(self, run: Run) -> None:
        self._floor = Floor(run.info["database_url"], pattern(run.info, run.speaker), CONNECTIONS)
        self._ids: list[str] = []
        self.per_second: list[float] = []

    def round(self, run: Run) -> None:
        """One round of the limit."""
        seconds, written = self._floor.write(run.n * TIMES["limit"])
        self._ids += written
        self.per_second.append(len(written) / seconds)
        driving.settled(run.info)

    def report(self, run: Run) -> None:
        """The limit's line; a row that is missing is a failure."""
        self._floor.close()
        name = f"plain psycopg INSERT of the same rows, {CONNECTIONS} connections"
        run.table.limit(name, f"{statistics.median(self.per_second):.0f}/s", len(self._ids))
        run.table.check(driving.rows(run.info, self._ids) == len(self._ids), "the limit lost a row")


def judge(run: Run, name: str, ids: list[str], answers: list[Answer], status: int = 201) -> None:
    """Rows, entries and accepted alerts must be the same number, or the numbers mean nothing."""
    good = sum(answer.status == status for answer in answers)
    others = sorted({answer.status for answer in answers} - {status})
    taken = good * (HUNDRED if status == 200 else 1)
    rows, entries = driving.rows(run.info, ids), driving.entries(run.info, ids)
    run.table.check(
        not others and taken == len(ids), f"{name}: {taken} of {len(ids)} were {status}, also {others}"
    )
    run.table.check(rows == entries == taken, f"{name}: {taken} x {status}, {rows} rows, {entries} entries")
    run.count(taken, rows, entries)
