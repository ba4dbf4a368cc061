"""At a whole running console: no trace of refused bodies anywhere, and a web process that stays flat."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
import redis

from bench import memory
from tests.contract import traces
from tests.running import RunningConsole

N = 800
SEED = 7
CONTROL = "CONTROLQ9"


def test_nothing_of_refused_bodies_is_anywhere(console: RunningConsole) -> None:
    info, since = console.info, time.time() - 1
    report = traces.send(info, N, SEED)
    assert (report.faults, report.sent) == ([], N)
    assert {400, 401, 403, 404, 409, 413, 415, 422} <= set(report.statuses)
    found, looked = traces.search(info, console.data, since)
    assert found == []
    assert looked["tables"] > 60 and looked["files of the database"] > 500, looked
    assert looked["keys of Valkey"] > 0 and looked["other files"] > 20, looked


def test_the_search_finds_what_is_there(console: RunningConsole) -> None:
    """A dead row, a key, a log line, a temporary file: each is found, so an empty answer means something."""
    info, since = console.info, time.time() - 1
    valkey = redis.Redis.from_url(info["redis_url"])
    log = console.data / "logs" / "control.log"
    temporary = Path(tempfile.gettempdir()) / "csoc-control.tmp"
    with contextlib.ExitStack() as undo:
        try:
            undo.callback(traces.planted(info, CONTROL))
        except psycopg.errors.Error as error:
            pytest.fail(f"no dead row could be planted: {error}")
        undo.callback(valkey.close)
        undo.callback(valkey.delete, "control")
        valkey.hset("control", "a", CONTROL)
        for path in (log, temporary):
            undo.callback(path.unlink)
            path.write_text(f"x{CONTROL}x")
        found, _looked = traces.search(info, console.data, since, CONTROL)
    text = "\n".join(found)
    assert "Valkey b'control'" in text
    assert "logs/control.log" in text and "csoc-control.tmp" in text
    assert "/pg/base/" in text and "/pg/pg_wal/" in text
    assert not any(place.startswith("table ") for place in found), "the row is dead: only the files hold it"


MEMORY_N = 600


def test_the_web_process_stays_flat(console: RunningConsole) -> None:
    """What `bench memory` does with 50,000 alerts, with as many as fit here."""
    info = console.info
    pid = int(info["pids"]["web"])
    readings = memory.readings_over(info, MEMORY_N, lambda: memory.resident_mb(pid))
    assert len(readings) == memory.STEPS + 1
    assert memory.grown(readings) < memory.BOUND_MB, readings
    assert int(console.info["pids"]["web"]) == pid


@pytest.mark.parametrize(
    ("readings", "flat"),
    [
        ([100, 140, 150, 151, 150, 152, 151, 150, 151, 152, 151], True),
        ([100, 140, 150, 155, 160, 165, 170, 175, 180, 185, 190], False),
        ([100, 140, 150, 150, 150, 150, 150, 150, 150, 150, 190], False),
        ([100, 140, 200, 190, 180, 180, 180, 180, 180, 180, 180], True),
    ],
)
def test_a_leak_is_told_from_a_warm_up(readings: list[float], flat: bool) -> None:
    assert (memory.grown(readings) < memory.BOUND_MB) is flat
