"""When the launcher takes the sequencer or the publisher for hanging, by what a real database tells."""

import time
from pathlib import Path

import psycopg
import pytest

from csoc import health, launcher
from csoc.launcher import Launcher
from csoc.supervisor import Program
from tests.servers import TestServers

SILENT = "clock_timestamp() - make_interval(secs => %s)"


@pytest.fixture
def watching(servers: TestServers, own_database: str, tmp_path: Path) -> Launcher:
    url = servers.url("csoc_app", own_database)
    words = [
        "--port",
        "1",
        "--data",
        str(tmp_path),
        "--database-url",
        url,
        "--redis-url",
        servers.redis_url(),
    ]
    return Launcher(launcher.parse(words))


def begun(program: Program, ago_s: float) -> Program:
    program.started_at = time.monotonic() - ago_s
    return program


def tell(servers: TestServers, database: str, statement: str, ago_s: float) -> None:
    with psycopg.connect(servers.url("postgres", database), autocommit=True) as connection:
        connection.execute(statement, [ago_s])


def test_a_sequencer_hangs_only_once_it_has_worked(
    watching: Launcher, servers: TestServers, own_database: str
) -> None:
    program = begun(watching._sequencer(), 100)
    assert program.ready and program.answers
    # It still checks the log: neither ready nor hanging.
    assert (program.ready(), program.answers()) == (False, True)
    pulse = f"INSERT INTO audit_pulse (id, at, size, pid) VALUES (1, {SILENT}, 0, 1)"
    pulse += " ON CONFLICT (id) DO UPDATE SET at = excluded.at"
    for ago_s, expected in (
        (3600, (False, True)),  # of an earlier run
        (health.SEQUENCER_HANGS_S + 20, (True, False)),
        (1, (True, True)),
    ):
        tell(servers, own_database, pulse, ago_s)
        assert (program.ready(), program.answers()) == expected


def test_a_publisher_hangs_when_it_finishes_nothing_for_long(
    watching: Launcher, servers: TestServers, own_database: str
) -> None:
    program = watching._publisher()
    assert program.answers
    long_s = health.PUBLISHER_HANGS_S + 60
    for started_s, expected in ((10, True), (long_s, False)):
        begun(program, started_s)
        assert program.answers() is expected
    work = 'INSERT INTO audit_verification (at, since, until, root, "full", ok, findings, took_ms) '
    tell(servers, own_database, f"{work} VALUES ({SILENT}, 0, 0, '', true, true, '[]', 1)", 30)
    assert program.answers()


def test_a_database_that_does_not_answer_is_nobodys_fault(watching: Launcher) -> None:
    watching.options.database_url = "postgresql://csoc_app@127.0.0.1:1/csoc"
    for program in (watching._sequencer(), watching._publisher()):
        begun(program, 10_000)
        assert program.answers is not None and program.answers()


def test_every_process_has_the_role_it_needs(watching: Launcher) -> None:
    for role in ("csoc_sequencer", "csoc_publisher"):
        assert f"//{role}@" in watching.database_url(role)
