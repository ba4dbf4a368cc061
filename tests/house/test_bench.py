"""The measurements themselves: no ratio out of a run in which anything failed, and no number from nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from bench import intake, memory, peer, push
from bench.posting import Answer, Senders
from bench.table import Goal, Table, ratio
from tests.contract import storm
from tools import stages

THREE = Goal(3, 6, 10, "x", less=False)


def line(table: Table, name: str) -> str:
    return next(row for row in str(table).splitlines() if name in row)


# -- the table -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "told"), [(2.9, "below floor"), (3.0, "floor"), (6.0, "target"), (11.0, "moonshot")]
)
def test_a_floor_that_does_not_hold_is_a_failure(value: float, told: str) -> None:
    table = Table()
    table.value("intake / peer", f"{value} x", 6, THREE, value)
    assert line(table, "intake / peer").split("6  ")[-1].startswith(told)
    assert bool(table.failures) is (value < 3) and table.sound


def test_limits_stand_first() -> None:
    table = Table()
    table.value("intake", "900/s", 500)
    table.limit("commits", "7000/s", 2000)
    table.limit_times("a message", [0.001, 0.002])
    names = [row.split("  ")[0] for row in str(table).splitlines() if row[0] != "-"]
    assert names == ["measure", "commits", "a message", "intake"]


def test_a_run_in_which_anything_failed_has_no_ratio() -> None:
    table = Table()
    table.value("intake / peer", "9.9 x", 6, THREE, 9.9)
    table.times("POST", [0.004] * 100, Goal(50, 15, 8))
    table.value("intake", "900/s", 500)
    table.check(False, "499 of 500 messages arrived")
    assert line(table, "intake / peer").endswith("FAIL") and line(table, "POST").endswith("FAIL")
    assert "9.9" not in str(table) and "4.0 ms" not in str(table)
    assert "900/s" in str(table), "what has no goal may still be looked at"
    assert table.failures == ["499 of 500 messages arrived"]


def test_a_ratio_is_of_the_same_rounds() -> None:
    assert ratio([100, 300, 50], [10, 10, 10]) == 10
    with pytest.raises(ValueError):
        ratio([1, 2], [1])


# -- sending -------------------------------------------------------------------------------------------


async def answering(answers: int) -> tuple[asyncio.Server, str]:
    """A server that answers so many requests on each connection and then hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(answers):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_connection_that_is_gone_fails_its_requests_instead_of_waiting() -> None:
    server, url = await answering(2)
    async with server, Senders(url, 2) as senders:
        _seconds, answers = await asyncio.wait_for(senders.flat_out([b"POST / HTTP/1.1\r\n\r\n"] * 10), 10)
    assert sorted(answer.status for answer in answers) == [0] * 6 + [201] * 4


# -- judging -------------------------------------------------------------------------------------------


def run_with(rows: int, entries: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(intake.driving, "rows", lambda info, ids: rows)
    monkeypatch.setattr(intake.driving, "entries", lambda info, ids: entries)
    return SimpleNamespace(
        info={}, table=Table(), count=lambda *numbers: None, rounds=1, delivered=0, expected=0
    )


@pytest.mark.parametrize(
    ("statuses", "rows", "entries", "sound"),
    [
        ([201, 201], 2, 2, True),
        ([201, 503], 1, 1, False),
        ([201, 0], 2, 2, False),
        ([201, 201], 1, 2, False),
        ([201, 201], 2, 1, False),
        ([201, 201], 2, 3, False),
    ],
)
def test_a_failed_request_a_missing_row_or_entry_is_a_failure(
    statuses: list[int], rows: int, entries: int, sound: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_with(rows, entries, monkeypatch)
    intake.judge(run, "posts", ["a", "b"], [Answer(0, 1, status) for status in statuses])
    assert run.table.sound is sound and bool(run.table.failures) is not sound


@pytest.mark.parametrize(("arrived", "sound"), [([1.0, 2.0], True), ([1.0], False), ([], False)])
def test_a_missing_message_is_a_failure(
    arrived: list[float], sound: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_with(0, 0, monkeypatch)
    push.report(run, 2, {"one": 0.5, "two": 0.5}, {"one": [1.0, 1.5], "two": arrived})
    assert run.table.sound is sound


async def test_a_message_twice_on_one_screen_does_not_stand_in_for_a_missing_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two screens; one of them hears the alert twice, the other never."""
    monkeypatch.setattr(push, "PATIENCE_S", 0.1)
    frame, told = b'{"alert": {"id": "00000000-0000-4000-8000-000000000000", "version": 1}}', []

    async def opened(url: str, cookie: str, note: Callable[[bytes, float], None]) -> Any:
        if not told:
            note(frame, 1.0)
            note(frame, 2.0)
        told.append(url)
        return SimpleNamespace(transport=SimpleNamespace(close=lambda: None))

    sent: list[Any] = []
    alert = "00000000-0000-4000-8000-000000000000"
    monkeypatch.setattr(push, "_open", opened)
    await push._watch("", "", 2, SimpleNamespace(send=sent.append, recv=lambda: [alert]))
    assert sent == [2, {alert: [1.0]}]


# -- the peer ------------------------------------------------------------------------------------------


class Alerta:
    """A peer as measured: so many a second in each round."""

    def __init__(self, name: str, per_second: list[float], rows: int = 10) -> None:
        self.name, self.per_second, self.accepted, self.posted = name, per_second, rows, 10

    def sound(self) -> bool:
        return self.accepted == self.posted


def loads() -> tuple[intake.Load, intake.Load]:
    single, bulk = intake.Load("single"), intake.Load("bulk")
    single.per_second, bulk.per_second = [700.0, 800.0, 900.0], [7000.0, 8000.0, 9000.0]
    return single, bulk


def test_the_best_configuration_is_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_with(0, 0, monkeypatch)
    intake._compare(run, [Alerta("2 workers", [70, 80, 90]), Alerta("4 workers", [100, 100, 300])], loads())
    single, bulk = line(run.table, "single intake / best"), line(run.table, "bulk intake / best")
    assert "7.0 x" in single and "target (>= 6 x)" in single and peer.OTHER_JOB in single
    assert "70.0 x" in bulk and "target (>= 50 x)" in bulk
    assert run.table.sound


def test_a_peer_that_lost_an_alert_is_no_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_with(0, 0, monkeypatch)
    intake._compare(run, [Alerta("2 workers", [100, 100, 100], rows=9)], loads())
    assert line(run.table, "single intake / best").endswith("FAIL")


def test_without_a_network_the_table_says_so_and_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stages, "CACHE", tmp_path)
    monkeypatch.setattr(peer, "PLACE", tmp_path / "peer")
    monkeypatch.setattr(stages, "follow", lambda command, folder: (1, "ERROR: No matching distribution"))
    run, measured = run_with(0, 0, monkeypatch), []

    async def saturated(run: Any, peers: list[Any]) -> None:
        measured.append(peers)

    monkeypatch.setattr(intake, "_saturated", saturated)
    run.info = {"database_url": "postgresql://csoc_app@/csoc"}
    intake.saturated(run)
    said = line(run.table, peer.NAME)
    assert "cannot be fetched" in said and "No matching distribution" in said and "not measured" in said
    assert measured == [[]] and run.table.failures == []


def test_a_measurement_that_breaks_is_not_taken_for_an_absent_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    server = SimpleNamespace(execute=said.append, close=lambda: None)
    monkeypatch.setattr(psycopg, "connect", lambda *words, **settings: server)
    database = peer._database("postgresql://csoc_app@/csoc?host=/s")
    with pytest.raises(psycopg.OperationalError), database as url:
        assert url == "postgresql://postgres@/bench_alerta?host=/s"
        raise psycopg.OperationalError("the limit's connection broke")
    assert said[-1].startswith("DROP DATABASE bench_alerta")


# -- long runs -----------------------------------------------------------------------------------------


def test_a_storm_in_which_everything_fails_keeps_only_the_first_faults() -> None:
    report = storm.Report()
    for number in range(10 * storm.KEPT):
        report.fault(f"fault {number}")
    assert (report.found, len(report.faults)) == (10 * storm.KEPT, storm.KEPT)
    assert f"{10 * storm.KEPT} faults" in str(report)


def test_memory_says_flat_or_not_and_needs_every_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readings = [100.0, 140, 150, 150, 150, 150, 150, 150, 150, 150, 169]
    rows = [3]

    def over(info: Any, n: int, read: Any, ids: list[str], *, show: bool) -> list[float]:
        ids += ["a", "b", "c"]
        return readings

    monkeypatch.setattr(memory, "readings_over", over)
    monkeypatch.setattr(memory.driving, "rows", lambda info, ids: rows[0])
    monkeypatch.setattr(memory.driving, "entries", lambda info, ids: 3)
    info = {"pids": {"web": 1}}
    assert memory.measure(info, 3) == 0 and ": flat" in capsys.readouterr().out
    readings[-1] = 171
    assert memory.measure(info, 3) == 1 and "FAIL the web process grows" in capsys.readouterr().out
    readings[-1], rows[0] = 150, 2
    assert memory.measure(info, 3) == 1 and "FAIL rows or audit entries" in capsys.readouterr().out
