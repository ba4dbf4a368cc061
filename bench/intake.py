"""`bench intake`: how long a signed alert takes to be durable, and how many a second are taken at most.

Its peer, alerta-server, is not fetched by this version, and the table says so; the floor is the same rows
written by plain psycopg on as many connections.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import driving
from bench.floor import Floor
from bench.posting import CONNECTIONS, Answer, Senders
from bench.run import Run
from bench.table import Goal

PER_SECOND = 50
POST_P99 = Goal(50, 15, 8)
RATIO = Goal(8, 15, 25, "%", less=False)
SIGNATURE = Goal(300, 150, 110, "us")
BULK_RATIO = Goal(75, 150, 250, "%", less=False)
#: More than this between the first and the last tenth thousand is not flat, in MB.
GROWTH = Goal(40, 20, 10, "MB")
FLOOR_TIMES = 4
HUNDRED = 100


def paced(run: Run) -> None:
    """A steady 50 alerts a second; every 2xx must be a row and an entry."""
    asyncio.run(_paced(run))


def saturated(run: Run) -> None:
    """As many as are taken, and as many as plain INSERTs manage; every 2xx must be a row and an entry."""
    run.table.value("alerta-server, the peer of the goals", "not fetched", 0)
    asyncio.run(_saturated(run))


async def _paced(run: Run) -> None:
    bodies = [run.speaker.gunshot() for _ in range(run.n)]
    requests = [run.speaker.raw(body) for body in bodies]
    async with Senders(run.info["url"]) as senders:
        answers = await senders.paced(requests, PER_SECOND)
    run.table.times(f"POST -> durable 201 at {PER_SECOND}/s", [a.seconds for a in answers], POST_P99)
    judge(run, "POST at 50/s", [body["id"] for body in bodies], answers)


async def _saturated(run: Run) -> None:
    """Single posts, bulk posts and the floor in turns, so that all three meet the same machine."""
    size, many = run.n, max(2, run.n // 25)
    first = run.speaker.gunshot()
    single, bulk = Load("single", [first["id"]]), Load("bulk")
    plain: list[float] = []
    async with Senders(run.info["url"]) as senders:
        _seconds, warm = await senders.flat_out([run.speaker.raw(first)])
        single.answers += warm
        driving.entries(run.info, single.ids)
        floor = Floor(run.info["database_url"], first["id"], CONNECTIONS)
        floor_ids: list[str] = []
        for _round in range(run.rounds):
            await single.round(senders, run, [run.speaker.gunshot() for _ in range(size)])
            await bulk.round(
                senders, run, [[run.speaker.gunshot() for _ in range(HUNDRED)] for _ in range(many)]
            )
            seconds, written = floor.write(size * FLOOR_TIMES)
            floor_ids += written
            plain.append(len(written) / seconds)
        floor.close()
    name = f"plain psycopg INSERT of the same rows, {CONNECTIONS} conn."
    run.table.value(name, f"{statistics.median(plain):.0f}/s", len(floor_ids))
    for load, goal in ((single, RATIO), (bulk, BULK_RATIO)):
        load.report(run, plain, goal)
        judge(run, f"saturated {load.name} intake", load.ids, load.answers, load.status)
    run.table.check(driving.rows(run.info, floor_ids) == len(floor_ids), "the floor lost a row")


class Load:
    """One way of posting as fast as it is taken: its rate of each round, and what became of it."""

    def __init__(self, name: str, ids: list[str] | None = None) -> None:
        self.name, self.ids = name, ids or []
        self.answers: list[Answer] = []
        self.per_second: list[float] = []
        self.status = 200 if name == "bulk" else 201

    async def round(self, senders: Senders, run: Run, values: list[Any]) -> None:
        """Sign first, then post all of them."""
        requests = [run.speaker.raw(value) for value in values]
        seconds, answers = await senders.flat_out(requests)
        alerts = [one for value in values for one in (value if isinstance(value, list) else [value])]
        self.ids += [alert["id"] for alert in alerts]
        self.answers += answers
        self.per_second.append(len(alerts) / seconds)

    def report(self, run: Run, plain: list[float], goal: Goal) -> None:
        """The rate, and its share of the floor's in the same round."""
        pairs = zip(self.per_second, plain, strict=True)
        ratio = 100 * statistics.median(mine / other for mine, other in pairs)
        rounds = len(plain)
        rate = f"{statistics.median(self.per_second):.0f}/s"
        run.table.value(f"saturated {self.name} intake, {CONNECTIONS} connections", rate, len(self.ids))
        name = f"  of plain INSERT, median of {rounds} interleaved rounds"
        run.table.value(name, f"{ratio:.1f} %", rounds, goal, ratio)


def memory(run: Run) -> None:
    """The web process's resident memory over 100 x n alerts, in tenths of it: flat, or it is a leak."""
    asyncio.run(_memory(run))


async def _memory(run: Run) -> None:
    load = Load("bulk")
    megabytes = []
    async with Senders(run.info["url"]) as senders:
        for _tenth in range(10):
            values = [[run.speaker.gunshot() for _ in range(HUNDRED)] for _ in range(max(1, run.n // 10))]
            await load.round(senders, run, values)
            megabytes.append(rss_mb(run.info["pids"]["web"]))
    told = " ".join(f"{one:.0f}" for one in megabytes)
    grown = megabytes[-1] - megabytes[1]
    run.table.value("web process, MB after each tenth of them: " + told, "", len(load.ids))
    run.table.value("  grown from the second tenth to the last", f"{grown:.0f} MB", 10, GROWTH, grown)
    judge(run, "alerts for memory", load.ids, load.answers, load.status)


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def signature(run: Run) -> None:
    """What one signature check costs, nothing else around it, in a process of its own."""
    command = [sys.executable, "-m", "bench.signature_check"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    times = [float(one) for one in told.stdout.split()]
    run.table.micros("signature check, whole (parse, key, time, Ed25519)", times, SIGNATURE)


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
