"""Actors and real second connections for the log's tests."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import audit
from audit.head import Head
from audit.logkeys import LogKeys
from audit.sequencer import Sequencer
from tests.servers import TestServers

ORIGIN = "csoc-test.invalid/audit"
PERSON = audit.Actor(
    "person", "u-1042", badge="4471", role="dispatcher", agency="DEMO-PS", name="Avery Singh"
)
ALERT = audit.Ref("alert", "0199f3a1-7c00-7000-8000-00000000c0de", "DEMO-PS")


def in_office(sequencer: Sequencer) -> Sequencer:
    """Return it in office: PostgreSQL may take a moment to see that the one before is gone."""
    deadline = time.monotonic() + 20
    while not sequencer.take_office():
        assert time.monotonic() < deadline, "somebody else is in office"
        time.sleep(0.01)
    return sequencer


@pytest.fixture
def person() -> Iterator[audit.Actor]:
    """Act as a dispatcher."""
    with audit.acting_as(PERSON):
        yield PERSON


@pytest.fixture
def connect_as(servers: TestServers, own_database: str) -> Iterator[Callable[[str], psycopg.Connection[Any]]]:
    """``connect_as(role)``: a real connection of that role to this test's own database."""
    opened: list[psycopg.Connection[Any]] = []

    def connect(role: str) -> psycopg.Connection[Any]:
        opened.append(psycopg.connect(servers.url(role, own_database), autocommit=True))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def intruder(
    servers: TestServers, own_database: str, connect_as: Callable[[str], psycopg.Connection[Any]]
) -> psycopg.Connection[Any]:
    """A superuser whom nothing stops: guards lifted, every trigger of the audit tables switched off."""
    servers.unguard(own_database)
    connection = connect_as("postgres")
    tables = connection.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relname LIKE 'audit\\_%' AND relkind IN ('r', 'p') "
        "AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    for (table,) in tables:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    return connection


@pytest.fixture
def log_keys(tmp_path: Path) -> LogKeys:
    """The throw-away keys that ``sequence`` signs with."""
    return LogKeys(tmp_path / "audit-log", ORIGIN)


@pytest.fixture
def log_head(tmp_path: Path) -> Head:
    """The head file that ``sequence`` writes."""
    return Head(tmp_path / "head")


@pytest.fixture
def new_sequencer(
    connect_as: Callable[[str], psycopg.Connection[Any]], log_keys: LogKeys, log_head: Head
) -> Callable[..., Sequencer]:
    """``new_sequencer(after=…)``: one with a connection of its own, not in office yet."""

    def make(after: Callable[[str], None] = lambda step: None) -> Sequencer:
        connection = connect_as("csoc_sequencer")
        connection.autocommit = False
        return Sequencer(connection, log_keys, log_head, after)

    return make


@pytest.fixture
def sequence(new_sequencer: Callable[..., Sequencer]) -> Callable[[], int]:
    """Move everything that waits into the log and sign it, in this process; returns the log's size."""
    sequencer = new_sequencer()

    def run() -> int:
        if not sequencer.size:
            in_office(sequencer)
        while sequencer.step():
            pass
        return sequencer.size

    return run
