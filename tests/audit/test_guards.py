"""The structure of the log: its own owner may add a partition and prune an old one, and nothing else."""

import io
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection as django_connection
from psycopg import errors

from tests.audit.logs import check_log, write
from tests.servers import TestServers

Connect = Callable[[str], psycopg.Connection[Any]]

REFUSED = [
    "ALTER TABLE audit_log DISABLE TRIGGER ALL",
    "ALTER TABLE audit_log_00000 DISABLE TRIGGER audit_log_rows",
    "ALTER TABLE audit_log_00000 ENABLE TRIGGER audit_log_rows",
    "DROP TABLE audit_log",
    "DROP TABLE audit_log_00000",
    "DROP TABLE audit_log_00003",
    "DROP TABLE audit_node",
    "DROP TABLE audit_checkpoint, audit_cosignature",
    "DROP TRIGGER audit_node_rows ON audit_node",
    "ALTER TRIGGER audit_node_rows ON audit_node RENAME TO x",
    "DROP FUNCTION audit_refuse() CASCADE",
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql "
    "AS $$ BEGIN RETURN NULL; END $$",
    "ALTER FUNCTION audit_refuse() RENAME TO other",
    "ALTER FUNCTION audit_not_prunable(bigint, interval) SET search_path = x",
    "ALTER TABLE audit_checkpoint RENAME TO other",
    "ALTER TABLE audit_checkpoint RENAME COLUMN note TO other",
    "ALTER TABLE audit_detail DROP COLUMN hold",
    "ALTER TABLE audit_inbox ALTER COLUMN body TYPE text USING 'x'",
    "ALTER TABLE audit_log DROP uid, ADD uid uuid NOT NULL DEFAULT gen_random_uuid()",
    "ALTER TABLE audit_log DROP uid, ADD uid uuid NOT NULL DEFAULT '0199f3a1-7c00-7000-8000-00000000c0de'",
    "ALTER TABLE audit_log DETACH PARTITION audit_log_00000",
    "ALTER TABLE audit_log DETACH PARTITION audit_log_00000 CONCURRENTLY",
    "ALTER TABLE audit_log_00001 RENAME TO audit_log_00007",
    "CREATE TABLE audit_log_00099 PARTITION OF audit_log FOR VALUES FROM (103809024) TO (104857600)",
    "CREATE RULE r AS ON INSERT TO audit_log DO INSTEAD NOTHING",
    "ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON audit_log USING (false)",
    "CREATE TRIGGER t BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE INDEX CONCURRENTLY i ON audit_log_00000 (cad)",
    "DROP INDEX audit_log_at",
    "ALTER TABLE audit_log DROP CONSTRAINT audit_log_pkey",
    "GRANT UPDATE ON audit_log TO csoc_app",
    "GRANT UPDATE ON audit_log_00001 TO csoc_app",
    "GRANT SELECT (body) ON audit_inbox TO csoc_app",
    "GRANT DELETE ON audit_node TO PUBLIC",
    "GRANT EXECUTE ON FUNCTION audit_drop_partition(bigint, interval) TO csoc_app",
    "GRANT csoc_owner TO csoc_app",
    "DROP SCHEMA public CASCADE",
    "DROP SCHEMA csoc_guard CASCADE",
    "DROP EVENT TRIGGER csoc_guard_end",
    "DROP OWNED BY csoc_owner",
    "UPDATE csoc_guard.kept_form SET form = ''",
    "SET event_triggers = off",
    "ALTER TABLE audit_export_request DISABLE TRIGGER audit_export_edge",
    "DROP TRIGGER audit_export_done ON audit_export_request",
    "DROP FUNCTION audit_export_edge() CASCADE",
    "ALTER TABLE audit_export_request DROP CONSTRAINT audit_export_four_eyes",
    "GRANT DELETE ON audit_export_request TO csoc_app",
    "ALTER TABLE audit_review ENABLE TRIGGER audit_review_closes",
    "ALTER TABLE audit_review_cursor DISABLE TRIGGER ALL",
    "GRANT UPDATE ON audit_review_decision TO csoc_app",
    "ALTER TABLE audit_lot DROP CONSTRAINT lot_once_a_week",
    "GRANT UPDATE (seed) ON audit_lot TO csoc_app",
    "ALTER TABLE audit_prune_request DISABLE TRIGGER audit_prune_edge",
    "ALTER TABLE audit_prune_request DROP CONSTRAINT audit_prune_four_eyes",
    "GRANT UPDATE ON audit_verification TO csoc_app",
    "ALTER TABLE audit_witness_state DROP COLUMN evidence",
    "CREATE RULE r AS ON INSERT TO audit_witness_file DO INSTEAD NOTHING",
    "ALTER TABLE audit_carried DISABLE TRIGGER ALL",
]


@pytest.fixture
def owner(connect_as: Connect, sequence: Callable[[], int]) -> psycopg.Connection[Any]:
    """The owner of a log with a few lines."""
    write(connect_as("csoc_app"), 3)
    sequence()
    return connect_as("csoc_owner")


def test_the_owner_may_change_nothing_of_the_log(owner: psycopg.Connection[Any], connect_as: Connect) -> None:
    for statement in REFUSED:
        with pytest.raises(errors.InsufficientPrivilege):
            owner.execute(statement)
            pytest.fail(f"passed: {statement}")
    check_log(connect_as("csoc_app"))


def test_replication_mode_is_no_way_around(owner: Any, connect_as: Connect) -> None:
    superuser = connect_as("postgres")
    superuser.execute("SET session_replication_role = replica")
    with pytest.raises(errors.InsufficientPrivilege, match="would change"):
        superuser.execute("ALTER TABLE audit_log DISABLE TRIGGER ALL")


def test_other_tables_are_free_and_rights_may_be_taken_and_given_back(owner: Any) -> None:
    owner.execute("CREATE TABLE other (id int)")
    owner.execute("ALTER TABLE other ADD name text")
    owner.execute("DROP TABLE other")
    owner.execute("REVOKE INSERT ON audit_log FROM csoc_sequencer")
    owner.execute("GRANT INSERT ON audit_log TO csoc_sequencer")


def test_lifted_they_let_a_migration_pass_and_come_back(
    servers: TestServers, own_database: str, owner: Any
) -> None:
    servers.unguard(own_database)
    owner.execute("ALTER TABLE audit_pulse ADD extra int")
    for _time in range(2):
        servers.guard(own_database)
        with pytest.raises(errors.InsufficientPrivilege):
            owner.execute("ALTER TABLE audit_pulse DROP extra")


# -- partitions ----------------------------------------------------------------------------------------


@pytest.fixture
def as_owner(own_database: str) -> Any:
    """Django's own connection belongs to the owner, as a migration's does."""

    def become(role: str) -> None:
        django_connection.close()
        django_connection.close_pool()
        django_connection.settings_dict["USER"] = role

    before = django_connection.settings_dict["USER"]
    become("csoc_owner")
    yield
    become(before)


def test_partitions_are_added_ahead_under_the_guards(owner: Any, connect_as: Connect, as_owner: Any) -> None:
    told = io.StringIO()
    call_command("audit_partition", ahead=5, stdout=told)
    assert told.getvalue().split("\n")[:2] == ["added audit_log_00004", "added audit_log_00005"]
    assert "5 partitions are free, room for 5,242,880 lines" in told.getvalue()
    triggers = """
        SELECT tgrelid::regclass::text, array_agg(tgname::text ORDER BY tgname), string_agg(tgenabled, '')
        FROM pg_trigger WHERE tgrelid IN (SELECT inhrelid FROM pg_inherits
            WHERE inhparent = 'audit_log'::regclass) GROUP BY 1
    """
    for _name, names, enabled in owner.execute(triggers).fetchall():
        assert (names, enabled) == (["audit_log_rows", "audit_log_statement"], "AA")
    for statement in ("SELECT * FROM audit_log_00005", "DELETE FROM audit_log_00005"):
        with pytest.raises(errors.InsufficientPrivilege):
            connect_as("csoc_app").execute(statement)
    with pytest.raises(CommandError, match="from 1 to 1024"):
        call_command("audit_partition", ahead=0)


def test_only_the_owner_adds_partitions(own_database: str) -> None:
    with pytest.raises(CommandError, match="Only csoc_owner"):
        call_command("audit_partition", ahead=50)


def fill(superuser: psycopg.Connection[Any], *, years: int) -> None:
    """Make partition 0 look full, old and sealed: its first line, the first after it, its node, a note."""
    line = """{"e":{"actor":{"id":"%s","kind":"system"},"object":{"agency":"","id":"%s","type":"log"},
"outcome":{"result":"allowed"},"uid":"x","v":1,"verb":"%s"},"i":1,"na":%d,"no":7,"pa":null,"po":null,
"t":"%s-01-01T00:00:00.000000Z"}""".replace("\n", "")
    year = 2026 - years
    rows = [
        (9, "old", "a", "log.census", 41, year),
        ((1 << 20) + 1, "new", "partition:0", "log.prune", 1, 2026),
    ]
    rows.append((1 << 20, "new", "b", "log.census", 1, year))
    for idx, actor, ref, verb, count, of_year in rows:
        values = [idx, uuid.uuid4(), line % (actor, ref, verb, count, of_year)]
        superuser.execute(
            "INSERT INTO audit_log (idx, uid, line, leaf) VALUES (%s, %s, %s, sha256(''))", values
        )
    superuser.execute("INSERT INTO audit_node VALUES (20, 0, sha256(''))")
    note = "INSERT INTO audit_checkpoint (size, root, note) VALUES (%s, sha256(''), '')"
    superuser.execute(note, [(1 << 20) + 2])


def test_a_partition_is_pruned_when_everything_says_so(owner: Any, connect_as: Connect) -> None:
    superuser = connect_as("postgres")
    fill(superuser, years=9)
    with pytest.raises(errors.InsufficientPrivilege, match="partition 1 is not full"):
        owner.execute("SELECT audit_drop_partition(1)")
    assert owner.execute("SELECT audit_drop_partition(0)").fetchone() == ("audit_log_00000",)
    assert owner.execute("SELECT min(idx) FROM audit_log").fetchone() == (1 << 20,)
    carried = owner.execute("SELECT key, idx, total FROM audit_carried WHERE key IN ('old', 'log:a')")
    assert sorted(carried.fetchall()) == [("log:a", 9, 7), ("old", 9, 41)]
    assert owner.execute("SELECT count(*) FROM audit_carried WHERE key = 'u-1042'").fetchone() == (1,)
    with pytest.raises(errors.InsufficientPrivilege):
        owner.execute("SELECT audit_drop_partition(0)")
    owner.execute("SELECT audit_add_partition()")


LACKING = {
    "DELETE FROM audit_node WHERE level = 20": "the subtree hash",
    "DELETE FROM audit_checkpoint WHERE size > 1000": "not full and sealed",
    "DELETE FROM audit_log WHERE verb = 'log.prune'": "no sealed log.prune entry names partition:0",
    "UPDATE audit_log SET line = replace(line, 'partition:0', 'partition:1')": "no sealed log.prune",
    "UPDATE audit_log SET line = replace(line, 'allowed', 'denied')": "no sealed log.prune",
    "UPDATE audit_log SET line = replace(line, '2017', '2020')": "younger than 7 years",
}


@pytest.mark.parametrize("lack", LACKING)
def test_pruning_is_refused_when_anything_lacks(
    servers: TestServers, own_database: str, owner: Any, intruder: Any, lack: str
) -> None:
    fill(intruder, years=9)
    intruder.execute(lack)
    for statement in ("SELECT audit_drop_partition(0)", "DROP TABLE audit_log_00000"):
        with pytest.raises(errors.InsufficientPrivilege, match=LACKING[lack]):
            servers.guard(own_database)
            owner.execute(statement)


def test_no_parameter_goes_below_seven_years(owner: Any, connect_as: Connect) -> None:
    fill(connect_as("postgres"), years=9)
    for kept, why in (("6 years", "before 7 years"), ("20 years", "younger than 20 years")):
        with pytest.raises(errors.InsufficientPrivilege, match=why):
            owner.execute("SELECT audit_drop_partition(0, %s::interval)", [kept])
    owner.execute("SELECT audit_drop_partition(0, '8 years')")
