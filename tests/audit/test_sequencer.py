"""The sequencer: everything exactly once, in order, through kills, rollbacks and rivals."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import rfc8785
from psycopg import errors

import audit
from audit import selectors
from audit.head import Head
from audit.logkeys import LogKeys
from audit.record import INSERT
from audit.sequencer import Sequencer
from csoc.lib.ids import uuid7
from tests.audit.conftest import ALERT, PERSON
from tests.servers import TestServers

Connect = Callable[[str], psycopg.Connection[Any]]
ROOT = Path(__file__).resolve().parents[2]
KILLS = 12


def write(connection: psycopg.Connection[Any], count: int, agency: str = "DEMO-PS") -> list[uuid.UUID]:
    """Insert ``count`` valid entries, as the app does."""
    uids = []
    with audit.acting_as(PERSON):
        for number in range(count):
            uid = uuid7()
            ref = audit.Ref("trailer", f"TRL-{number % 7:04d}", agency)
            connection.execute(INSERT, [uid, audit.body("video.live.open", ref, uid=uid).decode()])
            uids.append(uid)
    return uids


def read_log(connection: psycopg.Connection[Any]) -> list[tuple[int, uuid.UUID, str, bytes]]:
    """The whole log, in order."""
    return connection.execute("SELECT idx, uid, line, leaf FROM audit_log ORDER BY idx").fetchall()


def check(rows: list[tuple[int, uuid.UUID, str, bytes]]) -> None:
    """Every rule of a line, recomputed from nothing but the lines."""
    actors: dict[str, tuple[int, int]] = {}
    objects: dict[str, tuple[int, int]] = {}
    for position, (idx, uid, text, leaf) in enumerate(rows):
        line = json.loads(text)
        assert idx == position == line["i"]
        assert line["e"]["uid"] == str(uid)
        assert rfc8785.dumps(line) == text.encode()
        assert hashlib.sha256(b"\x00" + text.encode()).digest() == leaf
        assert datetime.fromisoformat(line["t"]).tzinfo is not None
        for known, key, count, previous in (
            (actors, line["e"]["actor"]["id"], "na", "pa"),
            (objects, ":".join(list(line["e"]["object"][k] for k in ("type", "id"))), "no", "po"),
        ):
            last, number = known.get(key, (None, 0))
            assert (line[previous], line[count]) == (last, number + 1)
            known[key] = (idx, number + 1)


def test_lines_count_on_across_restarts(
    connect_as: Connect, sequence: Callable[[], int], log_keys: LogKeys, log_head: Head
) -> None:
    app = connect_as("csoc_app")
    first = write(app, 20)
    assert sequence() == 21
    second = write(app, 20)
    successor = Sequencer(_plain(connect_as), log_keys, log_head)
    assert not successor.take_office(), "the lock is held by the first"
    sequence()
    rows = read_log(app)
    check(rows)
    assert [uid for _idx, uid, _line, _leaf in rows[1:]] == first + second
    assert json.loads(rows[0][2])["e"]["verb"] == "log.genesis"


def test_a_successor_continues_where_the_log_ends(
    connect_as: Connect, log_keys: LogKeys, log_head: Head
) -> None:
    app = connect_as("csoc_app")
    for _round in range(3):
        write(app, 5)
        connection = _plain(connect_as)
        sequencer = Sequencer(connection, log_keys, log_head)
        assert sequencer.take_office()
        sequencer.step()
        connection.close()
    check(read_log(app))
    assert len(read_log(app)) == 16


def test_a_malformed_body_is_wrapped_and_never_dropped(
    connect_as: Connect, sequence: Callable[[], int]
) -> None:
    app = connect_as("csoc_app")
    with audit.acting_as(PERSON):
        good = audit.body("alert.close", ALERT, uid=uuid7()).decode()
    bodies = [
        "",
        "{}",
        "[" * 9_000,
        '{"a":"\\u0000"}',
        '{"a":"\\ud800"}',
        good,
        good.replace(":", ": ", 1),
        "é\x01",
    ]
    for body in bodies:
        app.execute(INSERT, [uuid.uuid4(), body])
    sequence()
    rows = read_log(app)[1:]
    assert [json.loads(line)["e"]["raw"] for _idx, _uid, line, _leaf in rows] == bodies
    assert {json.loads(line)["e"]["verb"] for _idx, _uid, line, _leaf in rows} == {"system.malformed"}
    assert json.loads(rows[5][2])["e"]["outcome"]["code"] == "uid"
    check(read_log(app))


def test_a_long_transaction_neither_stalls_nor_loses(
    connect_as: Connect, sequence: Callable[[], int]
) -> None:
    slow, app = connect_as("csoc_app"), connect_as("csoc_app")
    slow.execute("BEGIN")
    early = write(slow, 3)
    late = write(app, 3)
    assert sequence() == 4
    slow.execute("COMMIT")
    assert sequence() == 7
    assert [uid for _idx, uid, _line, _leaf in read_log(app)[1:]] == late + early


def test_nothing_stands_of_a_batch_that_failed(
    connect_as: Connect, sequence: Callable[[], int], log_keys: LogKeys, log_head: Head
) -> None:
    app = connect_as("csoc_app")
    write(app, 3)
    sequence()
    write(app, 3)
    owner = connect_as("csoc_owner")
    owner.execute("REVOKE INSERT ON audit_log FROM csoc_sequencer")
    with pytest.raises(errors.InsufficientPrivilege):
        sequence()
    owner.execute("GRANT INSERT ON audit_log TO csoc_sequencer")
    assert len(read_log(app)) == 4
    successor = Sequencer(_plain(connect_as), log_keys, log_head)
    assert successor.take_office(), "a failed sequencer gives its lock back"
    assert successor.step() == 3
    check(read_log(app))


def test_the_status_tells_what_waits_and_what_is_sealed(
    connect_as: Connect, sequence: Callable[[], int]
) -> None:
    assert selectors.sealed_status()["state"] == "fault", "nobody sequences yet"
    write(connect_as("csoc_app"), 5)
    assert selectors.sealed_status()["waiting"] == 5
    sequence()
    status = selectors.sealed_status()
    assert (status["waiting"], status["size"], status["state"]) == (0, 6, "ok")
    assert status["sealed_at"].endswith("Z")


def test_a_dozen_kills_lose_and_double_nothing(
    servers: TestServers, own_database: str, connect_as: Connect, tmp_path: Path
) -> None:
    """Two sequencer processes, one killed after the other while writers write and roll back."""
    chance = random.Random(20261121)
    stop, written = threading.Event(), list[uuid.UUID]()
    writers = [
        threading.Thread(target=_write_until, args=(connect_as("csoc_app"), stop, written, number))
        for number in range(3)
    ]
    for thread in writers:
        thread.start()
    processes = [_start(servers, own_database, tmp_path) for _ in range(2)]
    app = connect_as("csoc_app")
    try:
        for kill in range(KILLS):
            seen = _grown(app, beyond=_size(app))
            time.sleep(chance.uniform(0, 0.15))
            victim = processes[_at_work(app, processes)]
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            processes[processes.index(victim)] = _start(servers, own_database, tmp_path)
            assert seen > kill
        stop.set()
        for thread in writers:
            thread.join()
        deadline = time.monotonic() + 60
        while _size(app) < len(written) + 1 and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        stop.set()
        for process in processes:
            process.terminate()
            process.wait(10)
    rows = read_log(app)
    check(rows)
    moved = [uid for _idx, uid, _line, _leaf in rows[1:]]
    assert sorted(moved) == sorted(written), "all that committed, once, and nothing that rolled back"


def test_the_process_stops_when_told(
    servers: TestServers, own_database: str, connect_as: Connect, tmp_path: Path
) -> None:
    process = _start(servers, own_database, tmp_path)
    _grown(connect_as("csoc_app"), beyond=0)
    process.terminate()
    assert process.wait(10) == 0


def _plain(connect_as: Connect) -> psycopg.Connection[Any]:
    connection = connect_as("csoc_sequencer")
    connection.autocommit = False
    return connection


def _start(servers: TestServers, database: str, data: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "CSOC_DATABASE_URL": servers.url("csoc_sequencer", database),
        "CSOC_DATA_DIR": str(data),
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "audit_sequence"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )


def _write_until(
    connection: psycopg.Connection[Any], stop: threading.Event, written: list[uuid.UUID], seed: int
) -> None:
    chance = random.Random(seed)
    while not stop.is_set():
        connection.execute("BEGIN")
        uids = write(connection, chance.randint(1, 5))
        if chance.random() < 0.3:
            connection.execute("ROLLBACK")
        else:
            connection.execute("COMMIT")
            written.extend(uids)
        time.sleep(0.01)


def _size(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM audit_log").fetchone()
    return int(row[0]) if row else 0


def _grown(connection: psycopg.Connection[Any], beyond: int) -> int:
    deadline = time.monotonic() + 60
    while (size := _size(connection)) <= beyond:
        assert time.monotonic() < deadline, "the sequencer does not work"
        time.sleep(0.02)
    return size


def _at_work(connection: psycopg.Connection[Any], processes: list[subprocess.Popen[bytes]]) -> int:
    """Kill now one, now the other: the log has to grow after either."""
    return _size(connection) % len(processes)
