"""The embedded servers: roles that hold, one owner per directory, and nothing left when the owner dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from csoc.embedded import ServerError, Servers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Fresh servers of our own, in a directory whose path is too long for a socket."""
    tmp_path.chmod(0o711)
    data = tmp_path / ("long-" * 20)
    running = Servers(data)
    running.start()
    yield running
    running.stop()


def test_the_three_roles_may_do_what_they_are_for(servers: Servers) -> None:
    servers.create_database("house")
    with psycopg.connect(servers.url("csoc_owner", "house"), autocommit=True) as owner:
        owner.execute("CREATE TABLE things (id bigserial PRIMARY KEY, name text)")
    with psycopg.connect(servers.url("csoc_app", "house"), autocommit=True) as app:
        app.execute("INSERT INTO things (name) VALUES ('one')")
        app.execute("UPDATE things SET name = 'two'")
        for refused in ("TRUNCATE things", "CREATE TABLE mine (id int)", "DROP TABLE things"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(refused)
    with (
        psycopg.connect(servers.url("csoc_sequencer", "house"), autocommit=True) as sequencer,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        sequencer.execute("SELECT * FROM things")
    servers.apply_roles("house")


def test_a_clone_has_the_rows_of_its_template(servers: Servers) -> None:
    servers.create_database("first")
    with psycopg.connect(servers.url("csoc_owner", "first"), autocommit=True) as owner:
        owner.execute("CREATE TABLE things AS SELECT 7 AS id")
    servers.create_database("second", template="first")
    with psycopg.connect(servers.url("csoc_app", "second")) as app:
        assert app.execute("SELECT id FROM things").fetchall() == [(7,)]
    servers.drop_database("second")
    assert not servers.has_database("second")


def test_it_is_durable_and_its_log_keeps_rows_out(servers: Servers) -> None:
    with servers.admin() as connection:
        for name, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "log_error_verbosity": "terse",
        }.items():
            assert connection.execute(f"SHOW {name}").fetchone() == (value,)
        connection.execute("CREATE TABLE plates (plate text CHECK (length(plate) < 3))")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO plates VALUES ('MARKED1')")
    assert "plates_plate_check" in (servers.data / "logs" / "postgres.log").read_text()
    assert "MARKED1" not in (servers.data / "logs" / "postgres.log").read_text()


def test_nothing_listens_on_the_network(servers: Servers) -> None:
    with servers.admin() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    with redis.Redis.from_url(servers.redis_url()) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_second_console_on_the_same_directory_is_refused(servers: Servers) -> None:
    second = Servers(servers.data)
    with pytest.raises(ServerError, match="Another console already runs"):
        second.start()
    second.stop()
    assert servers.answers("postgres")
    assert servers.answers("valkey")


def test_what_was_written_is_there_after_a_restart(servers: Servers) -> None:
    servers.create_database("kept")
    servers.stop()
    assert not servers.sockets.exists()
    servers.start()
    assert servers.has_database("kept")


def test_killed_servers_go_with_their_parent(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    program = (
        "import pathlib, sys, time; from csoc.embedded import Servers; "
        "s = Servers(pathlib.Path(sys.argv[1])); s.start(); "
        "print(*[p.pid for p in s.processes.values()], flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "data")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        assert len(children) == 2
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 15
    while any(is_running(pid) for pid in children):
        assert time.monotonic() < deadline, "a server outlived its parent"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """True while ``pid`` runs; a zombie that nobody has collected yet does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
