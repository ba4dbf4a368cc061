"""Who may touch the log: asked of PostgreSQL itself, through real connections of each role."""

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from audit import checks, publisher, sequencer
from audit.head import Head
from audit.logkeys import LogKeys
from audit.sequencer import Sequencer
from tests.audit.conftest import ORIGIN, in_office
from tests.servers import TestServers

Connect = Callable[[str], psycopg.Connection[Any]]
INSERT = "INSERT INTO audit_inbox (uid, body) VALUES (gen_random_uuid(), 'x')"


@pytest.fixture(scope="module")
def filled(servers: TestServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    """One line in the log, one row in the inbox. Shared: what is refused changes nothing."""
    name = f"t_roles_{os.getpid()}"
    servers.clone(name)
    opened: dict[str, psycopg.Connection[Any]] = {}

    def connect(role: str) -> psycopg.Connection[Any]:
        if role not in opened:
            opened[role] = psycopg.connect(servers.url(role, name), autocommit=True)
        return opened[role]

    connect("csoc_app").execute(INSERT)
    with psycopg.connect(servers.url("csoc_sequencer", name)) as connection:
        folder = tmp_path_factory.mktemp("log")
        in_office(Sequencer(connection, LogKeys(folder / "keys", ORIGIN), Head(folder / "head"))).step()
    connect("csoc_app").execute(INSERT)
    yield connect
    for connection in opened.values():
        connection.close()
    servers.drop_database(name)


APP_REFUSED = [
    "SELECT * FROM audit_inbox",
    "INSERT INTO audit_inbox (uid, body) VALUES (gen_random_uuid(), 'x') RETURNING seq",
    "UPDATE audit_inbox SET body = 'y'",
    "DELETE FROM audit_inbox",
    "TRUNCATE audit_inbox",
    "INSERT INTO audit_log (idx, uid, line, leaf) VALUES (99, gen_random_uuid(), '{}', '')",
    "UPDATE audit_log SET line = ''",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log",
    "TRUNCATE audit_log_00000",
    "DELETE FROM audit_log_00000",
    "SELECT * FROM audit_log_00000",
    "UPDATE audit_detail SET hold = true",
    "DELETE FROM audit_detail",
    "TRUNCATE audit_detail",
    "UPDATE audit_pulse SET size = 0",
    "ALTER TABLE audit_log DISABLE TRIGGER ALL",
    "DROP TABLE audit_log",
    "DROP TRIGGER audit_inbox_delete ON audit_inbox",
    "CREATE TABLE audit_mine (x int)",
    "SELECT audit_add_partition()",
    "SELECT audit_drop_partition(0)",
    "INSERT INTO audit_node VALUES (1, 9, sha256('x'))",
    "INSERT INTO audit_checkpoint (size, root, note) VALUES (9, sha256('x'), '')",
    "INSERT INTO audit_cosignature (size, witness, line) VALUES (2, 'w', 'l')",
    "INSERT INTO audit_log_key VALUES (1, 9, 'v', 0)",
    "INSERT INTO audit_carried VALUES ('actor', 'a', 1, 1)",
    "DELETE FROM audit_checkpoint",
    "UPDATE audit_node SET hash = sha256('x')",
    "SELECT setval('audit_inbox_seq_seq', 1)",
    "SET ROLE csoc_sequencer",
]


@pytest.mark.parametrize("statement", APP_REFUSED)
def test_the_app_may_only_add(filled: Connect, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        filled("csoc_app").execute(statement)


LOCKS = [
    f"SELECT pg_{attempt}advisory_{span}lock{shared}({{}}, {{}})"
    for attempt in ("", "try_")
    for span in ("", "xact_")
    for shared in ("", "_shared")
]


@pytest.mark.parametrize("role", ["csoc_app", "csoc_owner"])
@pytest.mark.parametrize("lock", LOCKS)
def test_nobody_else_can_stand_in_the_way_of_a_successor(filled: Connect, role: str, lock: str) -> None:
    for number in (sequencer.LOCK, publisher.LOCK):
        with pytest.raises(errors.InsufficientPrivilege):
            filled(role).execute(lock.format(*number))


def test_the_apps_own_locks_and_those_of_the_log_are_two_spaces(filled: Connect) -> None:
    """The number of one integer that PostgreSQL shows the same way is another lock."""
    for role, (first, second) in (("csoc_sequencer", sequencer.LOCK), ("csoc_publisher", publisher.LOCK)):
        filled("csoc_app").execute("SELECT pg_advisory_lock(%s::bigint)", [(first << 32) + second])
        taken = filled(role).execute("SELECT pg_try_advisory_lock(%s::int, %s::int)", (first, second))
        assert taken.fetchone() == (True,)


@pytest.mark.parametrize("role", ["csoc_owner", "postgres"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_inbox SET body = 'y'",
        "DELETE FROM audit_inbox",
        "TRUNCATE audit_inbox",
        "UPDATE audit_log SET leaf = leaf",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_log_00000 SET uid = gen_random_uuid()",
        "DELETE FROM audit_log_00000",
        "TRUNCATE audit_log_00000",
        "TRUNCATE audit_detail",
        "UPDATE audit_node SET n = n + 1",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_checkpoint SET note = ''",
        "TRUNCATE audit_cosignature",
        "UPDATE audit_log_key SET vkey = ''",
        "DELETE FROM audit_carried",
    ],
)
def test_the_triggers_refuse_even_owner_and_superuser(filled: Connect, role: str, statement: str) -> None:
    connection = filled(role)
    with pytest.raises(errors.InsufficientPrivilege, match="refused"):
        connection.execute(statement)
    if role == "postgres":
        # ENABLE ALWAYS: replication mode, the usual way around triggers, is no way around these.
        connection.execute("SET session_replication_role = replica")
        with pytest.raises(errors.InsufficientPrivilege, match="refused"):
            connection.execute(statement)
        connection.execute("RESET session_replication_role")


@pytest.mark.parametrize(
    "statement",
    [
        INSERT,
        "UPDATE audit_inbox SET body = 'y'",
        "UPDATE audit_log SET line = ''",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "SELECT * FROM audit_detail",
        "SELECT * FROM accounts_user",
        "INSERT INTO audit_cosignature (size, witness, line) VALUES (2, 'w', 'l')",
        "INSERT INTO audit_carried VALUES ('actor', 'a', 1, 1)",
        "UPDATE audit_checkpoint SET note = ''",
        "DELETE FROM audit_node",
    ],
)
def test_the_sequencer_moves_and_does_nothing_else(filled: Connect, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        filled("csoc_sequencer").execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM audit_inbox",
        "DELETE FROM audit_inbox",
        "INSERT INTO audit_log (idx, uid, line, leaf) VALUES (99, gen_random_uuid(), '{}', '')",
        "INSERT INTO audit_checkpoint (size, root, note) VALUES (9, sha256('x'), '')",
        "INSERT INTO audit_node VALUES (1, 9, sha256('x'))",
        "INSERT INTO audit_cosignature (size, witness, line, at) VALUES (2, 'w', 'l', '-infinity')",
        "UPDATE audit_cosignature SET line = ''",
        "DELETE FROM audit_cosignature",
        "SELECT sealed FROM audit_detail",
        "UPDATE audit_pulse SET state = 'working'",
        "SELECT * FROM accounts_user",
        "SELECT * FROM trailers_trailer",
    ],
)
def test_the_publisher_adds_cosignatures_and_does_nothing_else(filled: Connect, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        filled("csoc_publisher").execute(statement)


def test_the_publisher_reads_the_log_and_writes_what_it_is_for(
    own_database: str, connect_as: Connect
) -> None:
    publisher = connect_as("csoc_publisher")
    for table in ("audit_log", "audit_node", "audit_checkpoint", "audit_log_key", "audit_pulse"):
        publisher.execute(f"SELECT * FROM {table}")
    publisher.execute("SELECT commitment, class, expires FROM audit_detail")
    publisher.execute("INSERT INTO audit_cosignature (size, witness, line) VALUES (2, 'w', 'l')")
    publisher.execute(INSERT)
    assert publisher.execute("SELECT waiting FROM audit_waiting()").fetchone() == (1,)


def test_the_app_learns_how_many_wait_and_no_more(filled: Connect) -> None:
    row = filled("csoc_app").execute("SELECT * FROM audit_waiting()").fetchone()
    assert row is not None and row[0] == 1 and row[1] >= 0


def test_the_generated_columns_cannot_be_given(filled: Connect) -> None:
    with pytest.raises(errors.GeneratedAlways):
        filled("csoc_sequencer").execute(
            "INSERT INTO audit_log (idx, uid, line, leaf, actor) VALUES (9, %s, '{}', '', 'me')",
            [uuid.uuid4()],
        )


def test_the_check_names_what_an_unsafe_role_could_do(own_database: str) -> None:
    for role in ("csoc_app", "csoc_sequencer", "csoc_publisher"):
        assert checks.faults(role) == []
    found = checks.faults("csoc_owner")
    assert "audit_log: UPDATE" in found and "audit_inbox: ownership" in found


@pytest.mark.parametrize(
    ("role", "grant", "fault"),
    [
        ("csoc_app", "INSERT ON audit_node", "audit_node: INSERT"),
        ("csoc_app", "INSERT (size) ON audit_cosignature", "audit_cosignature: column INSERT"),
        ("csoc_app", "UPDATE (note) ON audit_checkpoint", "audit_checkpoint: column UPDATE"),
        ("csoc_publisher", "INSERT ON audit_log_key", "audit_log_key: INSERT"),
        ("csoc_publisher", "SELECT (body) ON audit_inbox", "audit_inbox: column SELECT"),
        ("csoc_sequencer", "DELETE ON audit_log", "audit_log: DELETE"),
        ("csoc_sequencer", "INSERT ON audit_cosignature", "audit_cosignature: INSERT"),
        ("csoc_sequencer", "TRIGGER ON audit_inbox", "audit_inbox: TRIGGER"),
    ],
)
def test_the_check_finds_one_right_too_many(
    servers: TestServers, own_database: str, connect_as: Connect, role: str, grant: str, fault: str
) -> None:
    servers.unguard(own_database)
    connect_as("csoc_owner").execute(f"GRANT {grant} TO {role}")
    assert fault in checks.faults(role)


def test_the_check_finds_a_trigger_that_sleeps(
    servers: TestServers, own_database: str, connect_as: Connect
) -> None:
    assert checks.sleeping_triggers() == []
    servers.unguard(own_database)
    owner = connect_as("csoc_owner")
    owner.execute("ALTER TABLE audit_node DISABLE TRIGGER audit_node_rows")
    owner.execute("ALTER TABLE audit_log_00000 ENABLE TRIGGER audit_log_statement")
    assert checks.sleeping_triggers() == [
        "audit_log_00000: audit_log_statement",
        "audit_node: audit_node_rows",
    ]
    assert "audit_node: audit_node_rows is switched off" in checks.own_faults()[1]


def test_production_refuses_a_role_that_got_too_much(
    servers: TestServers, own_database: str, connect_as: Connect, settings: Any
) -> None:
    settings.IS_DEMO = False
    assert checks.unsafe_role(None, databases=["default"]) == []
    servers.unguard(own_database)
    connect_as("csoc_owner").execute("GRANT SELECT (body) ON audit_inbox TO csoc_app")
    (fault,) = checks.unsafe_role(None, databases=["default"])
    assert fault.id == "audit.E001" and "column SELECT" in fault.msg


def test_a_production_web_process_stops_before_its_first_request(
    servers: TestServers, own_database: str, settings: Any
) -> None:
    checks.refuse_unsafe_role()
    settings.IS_DEMO = False
    checks.refuse_unsafe_role()
    for role in ("csoc_owner", "postgres"):
        with pytest.raises(SystemExit, match=f"role {role} could change the audit log"):
            _as_role(role, checks.refuse_unsafe_role)


def _as_role(role: str, act: Callable[[], None]) -> None:
    from django.db import connection

    before = connection.settings_dict["USER"]
    connection.close()
    connection.close_pool()
    connection.settings_dict["USER"] = role
    try:
        act()
    finally:
        connection.close()
        connection.close_pool()
        connection.settings_dict["USER"] = before
