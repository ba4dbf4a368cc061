"""`bench intake`: how long a signed alert takes to be durable, and how many a second are taken at most."""

from __future__ import annotations

import asyncio
import statistics

from bench import driving
from bench.floor import Floor
from bench.posting import CONNECTIONS, Answer, Senders
from bench.run import Run
from bench.table import Goal

PER_SECOND = 50
POST_P99 = Goal(50, 15, 8)
RATIO = Goal(8, 15, 25, "%", less=False)
FLOOR_TIMES = 4


def paced(run: Run) -> None:
    """A steady 50 alerts a second; every 2xx must be a row and an entry."""
    asyncio.run(_paced(run))


def saturated(run: Run) -> None:
    """As many as are taken, and as many as plain INSERTs manage; every 2xx must be a row and an entry."""
    asyncio.run(_saturated(run))


async def _paced(run: Run) -> None:
    bodies = [run.speaker.gunshot() for _ in range(run.n)]
    requests = [run.speaker.raw(body) for body in bodies]
    async with Senders(run.info["url"]) as senders:
        answers = await senders.paced(requests, PER_SECOND)
    run.table.times(f"POST -> durable 201 at {PER_SECOND}/s", [a.seconds for a in answers], POST_P99)
    judge(run, "POST at 50/s", [body["id"] for body in bodies], answers)


async def _saturated(run: Run) -> None:
    """Console and floor in turns, so that both meet the same machine."""
    size = run.n
    first = run.speaker.gunshot()
    ids, answers, ours, plain = [first["id"]], [], [], []
    async with Senders(run.info["url"]) as senders:
        _seconds, warm = await senders.flat_out([run.speaker.raw(first)])
        answers += warm
        driving.entries(run.info, ids)
        floor = Floor(run.info["database_url"], first["id"], CONNECTIONS)
        floor_ids: list[str] = []
        for _round in range(run.rounds):
            bodies = [run.speaker.gunshot() for _ in range(size)]
            seconds, given = await senders.flat_out([run.speaker.raw(body) for body in bodies])
            ids += [body["id"] for body in bodies]
            answers += given
            ours.append(size / seconds)
            seconds, written = floor.write(size * FLOOR_TIMES)
            floor_ids += written
            plain.append(len(written) / seconds)
        floor.close()
    _report(run, ours, plain, size)
    judge(run, "saturated intake", ids, answers)
    run.table.check(driving.rows(run.info, floor_ids) == len(floor_ids), "the floor lost a row")


def _report(run: Run, ours: list[float], plain: list[float], size: int) -> None:
    ratio = 100 * statistics.median(mine / other for mine, other in zip(ours, plain, strict=True))
    rounds = len(ours)
    run.table.value(
        f"saturated intake, {CONNECTIONS} connections", f"{statistics.median(ours):.0f}/s", rounds * size
    )
    run.table.value(
        f"plain psycopg INSERT of the same rows, {CONNECTIONS} conn.",
        f"{statistics.median(plain):.0f}/s",
        rounds * size * FLOOR_TIMES,
    )
    run.table.value(f"  ratio, median of {rounds} interleaved rounds", f"{ratio:.1f} %", rounds, RATIO, ratio)


def judge(run: Run, name: str, ids: list[str], answers: list[Answer]) -> None:
    """Rows, entries and 201s must be the same number, or the numbers mean nothing."""
    taken = sum(answer.status == 201 for answer in answers)
    others = sorted({answer.status for answer in answers} - {201})
    rows, entries = driving.rows(run.info, ids), driving.entries(run.info, ids)
    run.table.check(
        not others and taken == len(ids), f"{name}: {taken} of {len(ids)} were 201, also {others}"
    )
    run.table.check(rows == entries == taken, f"{name}: {taken} x 201, {rows} rows, {entries} entries")
    run.count(taken, rows, entries)
