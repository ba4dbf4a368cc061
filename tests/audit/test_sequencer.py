"""The sequencer: everything exactly once, in order, through kills, rollbacks and rivals."""

import contextlib
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
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

import audit
from audit import lines, selectors
from audit.entry import canonical, validate
from audit.head import Head
from audit.logkeys import LogKeys
from audit.record import INSERT
from audit.sequencer import Sequencer
from csoc.lib.ids import uuid7
from tests.audit.conftest import ALERT, ORIGIN, PERSON, in_office
from tests.audit.logs import Crash, check_log, crash_after, entries, read_log, write
from tests.servers import TestServers

Connect = Callable[[str], psycopg.Connection[Any]]
ROOT = Path(__file__).resolve().parents[2]
KILLS = 12
COMMITS = 10_000


def test_lines_count_on_across_restarts(
    connect_as: Connect, sequence: Callable[[], int], new_sequencer: Callable[..., Sequencer]
) -> None:
    app = connect_as("csoc_app")
    first = write(app, 20)
    assert sequence() == 21
    second = write(app, 20)
    assert not new_sequencer().take_office(), "the lock is held by the first"
    sequence()
    rows = check_log(app)
    assert [uid for _idx, uid, _line, _leaf in rows[1:]] == first + second
    assert json.loads(rows[0][2])["e"]["verb"] == "log.genesis"


def test_a_successor_continues_where_the_log_ends(
    connect_as: Connect, new_sequencer: Callable[..., Sequencer]
) -> None:
    app = connect_as("csoc_app")
    for _round in range(3):
        write(app, 5)
        sequencer = in_office(new_sequencer())
        sequencer.step()
        sequencer.connection.close()
    assert len(check_log(app)) == 16


@pytest.mark.parametrize("step", ["first-lines", "moved", "committed", "signed", "headed", "kept"])
@pytest.mark.parametrize("batches", [0, 2])
def test_a_crash_after_any_step_leaves_what_the_next_start_completes(
    connect_as: Connect,
    new_sequencer: Callable[..., Sequencer],
    log_head: Head,
    step: str,
    batches: int,
) -> None:
    app = connect_as("csoc_app")
    written = write(app, 5)
    with contextlib.suppress(Crash):
        for batch in range(batches + 1):
            doomed = new_sequencer(crash_after(step) if batch == batches else lambda done: None)
            in_office(doomed)
            written += write(app, 3)
            doomed.step()
            doomed.connection.close()
        assert step == "first-lines" and batches, "those are written only once"
    assert doomed.connection.closed
    before = log_head.read()
    successor = in_office(new_sequencer())
    while successor.step():
        pass
    rows = check_log(app)
    assert [uid for _idx, uid, _line, _leaf in rows[1:]] == written
    notes = [note for (note,) in app.execute("SELECT note FROM audit_checkpoint").fetchall()]
    assert log_head.read() == notes[-1]
    assert before is None or before in notes, "what was signed before the crash stands, to the byte"


def test_a_log_of_the_release_before_gets_its_tree(
    connect_as: Connect, new_sequencer: Callable[..., Sequencer], tmp_path: Path, intruder: Any
) -> None:
    """Lines without nodes, checkpoints and keys, as that release wrote them."""
    app = connect_as("csoc_app")
    write(app, 50)
    elsewhere = in_office(
        Sequencer(_plain(connect_as), LogKeys(tmp_path / "k", ORIGIN), Head(tmp_path / "h"))
    )
    elsewhere.step()
    elsewhere.connection.close()
    for table in ("audit_node", "audit_checkpoint", "audit_log_key"):
        intruder.execute(f"DELETE FROM {table}")
    sequencer = in_office(new_sequencer())
    assert len(check_log(app)) == sequencer.size == 51


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
    check_log(app)


@pytest.mark.parametrize("verb", sorted(lines.OWN_VERBS))
def test_nobody_else_speaks_in_the_sequencers_name(
    connect_as: Connect, sequence: Callable[[], int], verb: str
) -> None:
    """Not even a valid body: a forged log.rotate would name a key of the forger's."""
    forged = lines.rotation(uuid7(), "csoc.example+00000000+" + "A" * 44).entry
    forged |= {"verb": verb, "outcome": {"result": "failed"}}
    forged |= {"raw": forged.pop("vkey")} if verb == "system.malformed" else {}
    if verb == "log.rotate":
        forged["outcome"] = {"result": "allowed"}
    elif verb != "system.malformed":
        del forged["vkey"]
    validate(forged)
    app = connect_as("csoc_app")
    app.execute(INSERT, [forged["uid"], canonical(forged)])
    sequence()
    entry = entries(app)[1]
    assert (entry["verb"], entry["outcome"]["code"]) == ("system.malformed", "reserved-verb")
    assert json.loads(entry["raw"]) == forged


@pytest.mark.parametrize(
    "text", ["plain", 'quo"te', "back\\slash", '},"', '","id":"u-1', "é—😀", "{}", "a}b,c", "\\", '"']
)
def test_the_columns_say_what_the_line_says(
    connect_as: Connect, sequence: Callable[[], int], text: str
) -> None:
    app = connect_as("csoc_app")
    actor = audit.Actor("person", f"u-{text}", agency=text, name=text, auth=text)
    with audit.acting_as(actor):
        for person in (actor, audit.Actor("system", text)):
            with audit.acting_as(person):
                for reason in (None, audit.Reason("gunshot", "CAD 1", text), audit.Reason("test")):
                    uid = uuid7()
                    ref = audit.Ref("trailer", text, text)
                    outcome = audit.Outcome("failed", "code")
                    body = audit.body("alert.close", ref, uid=uid, reason=reason, outcome=outcome)
                    app.execute(INSERT, [uid, body.decode()])
    sequence()
    columns = "line, at, actor, verb, object, agency, outcome, cad, actor_agency, name, reason"
    for text, at, *found in app.execute(f"SELECT {columns} FROM audit_log").fetchall():
        line = json.loads(text)
        entry = line["e"]
        actor_, ref_, why = entry["actor"], entry["object"], entry.get("reason", {})
        assert at == datetime.fromisoformat(line["t"])
        assert found == [
            *(actor_["id"], entry["verb"], f"{ref_['type']}:{ref_['id']}", ref_["agency"]),
            *(entry["outcome"]["result"], why.get("cad"), actor_.get("agency", "")),
            *(actor_.get("name"), why.get("code")),
        ]


def test_an_entry_of_a_very_long_transaction_has_the_time_of_its_place(
    connect_as: Connect, sequence: Callable[[], int], intruder: Any
) -> None:
    app = connect_as("csoc_app")
    write(app, 1)
    sequence()
    write(app, 2)
    intruder.execute("UPDATE audit_inbox SET at = at - interval '299 s' WHERE seq = 2")
    intruder.execute("UPDATE audit_inbox SET at = at - interval '400 s' WHERE seq = 3")
    sequence()
    times = [datetime.fromisoformat(json.loads(line)["t"]) for _i, _u, line, _l in check_log(app)]
    assert timedelta(seconds=298) < times[1] - times[2] < timedelta(seconds=300)
    assert times[3] >= times[1]


def test_an_entry_of_a_clock_that_was_ahead_has_the_time_of_its_place(
    connect_as: Connect, sequence: Callable[[], int], intruder: Any
) -> None:
    app = connect_as("csoc_app")
    write(app, 3)
    intruder.execute("UPDATE audit_inbox SET at = at + interval '299 s' WHERE seq = 1")
    intruder.execute("UPDATE audit_inbox SET at = at + interval '1 hour' WHERE seq = 2")
    sequence()
    write(app, 1)
    sequence()
    times = [datetime.fromisoformat(json.loads(line)["t"]) for _i, _u, line, _l in check_log(app)]
    assert timedelta(seconds=290) < times[1] - times[0] < timedelta(seconds=300)
    assert times[3] <= times[2] <= times[4] < times[1]


def test_counts_go_on_after_their_partition_was_pruned(
    connect_as: Connect, sequence: Callable[[], int], intruder: Any
) -> None:
    app = connect_as("csoc_app")
    write(app, 1)
    intruder.execute(
        "INSERT INTO audit_carried VALUES ('actor', 'u-1042', -5, 900), ('object', 'x:y', -9, 3)"
    )
    sequence()
    line = json.loads(read_log(app)[1][2])
    assert (line["pa"], line["na"], line["po"], line["no"]) == (-5, 901, None, 1)


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
    connect_as: Connect, sequence: Callable[[], int], new_sequencer: Callable[..., Sequencer]
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
    successor = new_sequencer()
    in_office(successor)
    assert successor.step() == 3
    check_log(app)


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


def test_ten_thousand_commits_through_a_dozen_kills(
    servers: TestServers, own_database: str, connect_as: Connect, tmp_path: Path
) -> None:
    """Two sequencer processes; the one at work is killed while writers commit and roll back."""
    chance = random.Random(20261121)
    crowd = Crowd([connect_as("csoc_app") for _ in range(4)])
    processes = [_start(servers, own_database, tmp_path) for _ in range(2)]
    app, watcher = connect_as("csoc_app"), connect_as("postgres")
    try:
        _grown(app, beyond=0)
        crowd.start()
        for kill in range(KILLS):
            before = _size(app)
            crowd.allowed = COMMITS * (kill + 1) // KILLS
            _grown(app, beyond=before)
            time.sleep(chance.uniform(0, 0.15))
            victim = next(process for process in processes if process.pid == _at_work(watcher))
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            processes[processes.index(victim)] = _start(servers, own_database, tmp_path)
        written = crowd.finish(COMMITS)
        _grown(app, beyond=len(written))
        _signed(app)
    finally:
        crowd.stop.set()
        for process in processes:
            process.terminate()
            process.wait(10)
    rows = check_log(app)
    moved = [uid for _idx, uid, _line, _leaf in rows[1:]]
    assert sorted(moved) == sorted(written), "all that committed, once, and nothing that rolled back"
    assert crowd.commits >= COMMITS and crowd.rollbacks > COMMITS / 10


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


class Crowd:
    """Writers, each on a connection of its own, that commit and roll back.

    ``allowed``: they rest at so many commits, so that every kill finds them at work.
    """

    def __init__(self, connections: list[psycopg.Connection[Any]]) -> None:
        self.stop = threading.Event()
        self.commits = self.rollbacks = self.allowed = 0
        self._written: list[uuid.UUID] = []
        self._threads = [
            threading.Thread(target=self._write, args=(connection, number))
            for number, connection in enumerate(connections)
        ]

    def start(self) -> None:
        """Let them write."""
        for thread in self._threads:
            thread.start()

    def finish(self, commits: int) -> list[uuid.UUID]:
        """Wait until so many are committed; return what was."""
        while self.commits < commits:
            self.stop.wait(0.01)
        self.stop.set()
        for thread in self._threads:
            thread.join()
        return self._written

    def _write(self, connection: psycopg.Connection[Any], seed: int) -> None:
        chance = random.Random(seed)
        while not self.stop.is_set():
            if self.commits >= self.allowed:
                self.stop.wait(0.005)
                continue
            connection.execute("BEGIN")
            uids = write(connection, chance.randint(1, 2))
            if chance.random() < 0.2:
                connection.execute("ROLLBACK")
                self.rollbacks += 1
            else:
                connection.execute("COMMIT")
                self.commits += 1
                self._written.extend(uids)


def _size(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM audit_log").fetchone()
    return int(row[0]) if row else 0


def _grown(connection: psycopg.Connection[Any], beyond: int) -> int:
    deadline = time.monotonic() + 60
    while (size := _size(connection)) <= beyond:
        assert time.monotonic() < deadline, "the sequencer does not work"
        time.sleep(0.02)
    return size


def _signed(connection: psycopg.Connection[Any]) -> None:
    """Wait for the last signature: who was killed last may have left lines for its successor to sign."""
    query = "SELECT coalesce(max(size), 0) FROM audit_checkpoint"
    deadline = time.monotonic() + 60
    while connection.execute(query).fetchone() != (_size(connection),):
        assert time.monotonic() < deadline, "the sequencer does not sign"
        time.sleep(0.02)


def _at_work(watcher: psycopg.Connection[Any]) -> int:
    """The process that holds the lock, once one does."""
    query = """
        SELECT split_part(a.application_name, ' ', 2)::int FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'advisory' AND l.granted AND a.application_name LIKE 'audit_sequence %'
            AND a.datname = current_database()
    """
    deadline = time.monotonic() + 60
    while (row := watcher.execute(query).fetchone()) is None:
        assert time.monotonic() < deadline, "no sequencer is at work"
        time.sleep(0.02)
    return int(row[0])
