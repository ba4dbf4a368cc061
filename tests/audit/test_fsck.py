"""The commands as an operator types them: audit_verify's statuses, and what audit_fsck explains."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

import audit
from audit import checks
from audit.context import acting_as
from audit.fsck import Places, look
from audit.head import Head
from audit.logkeys import LogKeys
from audit.models import Entry
from tests.audit.conftest import ALERT, PERSON
from tests.audit.test_notes import WITNESS_VKEY
from tests.audit.test_sequencer import write
from tests.audit.test_verification import rewritten, witnessed

Connect = Callable[[str], psycopg.Connection[Any]]
Sequence = Callable[[], int]


@pytest.fixture
def log(connect_as: Connect, sequence: Sequence) -> psycopg.Connection[Any]:
    """A log of 45 lines, one with a detail; as the app, that may also open details."""
    app = connect_as("csoc_app")
    write(app, 20)
    sequence()
    with acting_as(PERSON):
        audit.commit("alert.note", ALERT, detail={"note": "in confidence"})
    write(app, 23)
    sequence()
    return app


@pytest.fixture
def places(tmp_path: Path, log_head: Head, log_keys: LogKeys) -> Places:
    (tmp_path / "witnesses.txt").write_text(f"{WITNESS_VKEY}\n")
    return Places(log_head.path, log_keys.folder, tmp_path / "witnesses.txt")


def ill(connection: psycopg.Connection[Any], places: Places) -> dict[str, int]:
    """What fsck finds: sentence -> status."""
    return {said.sentence: said.status for said in look(connection, places) if said.status}


def one(found: dict[str, int], words: str, status: int) -> None:
    matching = {sentence: s for sentence, s in found.items() if words in sentence}
    assert matching and set(matching.values()) == {status}, found


def test_a_sound_log_has_nothing_to_mend(log: psycopg.Connection[Any], places: Places) -> None:
    said = list(look(log, places))
    assert [s.sentence for s in said if s.status] == []
    assert any("more, room for over" in s.sentence for s in said)
    assert any("Head file: 45 entries" in s.sentence for s in said)


def test_a_lost_node_is_recomputed_and_not_written(
    log: psycopg.Connection[Any], places: Places, intruder: psycopg.Connection[Any]
) -> None:
    [(node,)] = intruder.execute("DELETE FROM audit_node WHERE level = 3 AND n = 2 RETURNING hash").fetchall()
    found = ill(log, places)
    one(found, f"give {bytes(node).hex()}", 15)
    assert intruder.execute("SELECT count(*) FROM audit_node WHERE level = 3").fetchone() == (4,)
    intruder.execute("DELETE FROM audit_log WHERE idx = 17")
    one(ill(log, places), "its lines are not all there", 15)


def test_gaps_extra_nodes_and_a_checkpoint_too_far(
    log: psycopg.Connection[Any], places: Places, intruder: psycopg.Connection[Any]
) -> None:
    intruder.execute("DELETE FROM audit_log WHERE idx IN (7, 8, 44)")
    found = ill(log, places)
    one(found, "Entries 7 to 8 are missing", 17)
    one(found, "A checkpoint of 45 entries was signed; there are 44", 12)
    intruder.execute("INSERT INTO audit_node (level, n, hash) VALUES (1, 4000, sha256('x'))")
    one(ill(log, places), "Node 4000 of level 1 stands over lines that do not exist", 15)


def test_what_waits_too_long(
    log: psycopg.Connection[Any], places: Places, intruder: psycopg.Connection[Any]
) -> None:
    intruder.execute(
        "INSERT INTO audit_inbox (uid, body, at) "
        "VALUES (gen_random_uuid(), 'x', now() - interval '5 minutes')"
    )
    intruder.execute("UPDATE audit_pulse SET at = now() - interval '10 minutes'")
    found = ill(log, places)
    one(found, "1 entries wait in the inbox, the oldest for 300 s", 1)
    one(found, "The sequencer has been silent for 600 s", 1)
    intruder.execute("UPDATE audit_pulse SET state = 'halted', fault = 'behind'")
    one(ill(log, places), "The log is halted: The database holds fewer lines", 13)


def test_heads_keys_and_lists(
    log: psycopg.Connection[Any], places: Places, log_head: Head, log_keys: LogKeys
) -> None:
    note = log_head.path.read_text()
    log_head.path.unlink()
    one(ill(log, places), "The head file", 1)
    row = log.execute("SELECT note FROM audit_checkpoint ORDER BY size LIMIT 1").fetchone()
    assert row
    log_head.write(row[0])
    one(ill(log, places), "was put back", 12)
    log_head.write(note.replace("\n", "\n\n", 1))
    one(ill(log, places), "The head file can't be read", 22)
    log_head.write(note)
    (log_keys.folder / "current.key").chmod(0o640)
    one(ill(log, places), "may be read by others (mode 0640)", 1)
    (log_keys.folder / "current.key").chmod(0o600)
    places.witnesses.write_text("nonsense\n")
    found = ill(log, places)
    one(found, "witnesses.txt, line 1", 1)
    one(found, "nobody outside vouches", 21)


def test_triggers_and_rights(
    log: psycopg.Connection[Any], places: Places, servers: Any, own_database: str, connect_as: Connect
) -> None:
    servers.unguard(own_database)
    root = connect_as("postgres")
    root.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_rows")
    root.execute("GRANT DELETE ON audit_log TO csoc_app")
    found = ill(log, places)
    one(found, "The trigger audit_log_rows on audit_log", 1)
    one(found, "csoc_app could change the log (audit_log: DELETE)", 1)


def test_a_trigger_that_is_gone_or_another(
    log: psycopg.Connection[Any], places: Places, servers: Any, own_database: str, connect_as: Connect
) -> None:
    assert checks.missing_triggers() == []
    servers.unguard(own_database)
    root = connect_as("postgres")
    made = root.execute(
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid "
        "WHERE NOT tgisinternal AND (relname = ANY(%s) OR relname = 'audit_log_00003')",
        [list(checks.TRIGGERS)],
    )
    assert set(made) == {
        (table, name)
        for table, named in [*checks.TRIGGERS.items(), ("audit_log_00003", checks.TRIGGERS["audit_log"])]
        for name in named
    }
    root.execute("DROP TRIGGER audit_node_rows ON audit_node")
    root.execute("DROP TRIGGER audit_log_statement ON audit_log_00003")
    root.execute("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'")
    root.execute(
        "CREATE OR REPLACE TRIGGER audit_detail_rows BEFORE DELETE ON audit_detail "
        "FOR EACH ROW EXECUTE FUNCTION nothing()"
    )
    root.execute("ALTER TABLE audit_detail ENABLE ALWAYS TRIGGER audit_detail_rows")
    found = ill(log, places)
    one(found, "The trigger audit_node_rows on audit_node is not the one that was made", 1)
    one(found, "audit_log_statement on audit_log_00003 is not the one that was made", 1)
    one(found, "audit_detail_rows on audit_detail is not the one that was made", 1)
    assert "audit_node: audit_node_rows is missing" in checks.own_faults()[1]
    root.execute("DROP TRIGGER audit_log_rows ON audit_log")
    assert {"audit_log: audit_log_rows", "audit_log_00000: audit_log_rows"} <= set(checks.missing_triggers())


# -- the commands ----------------------------------------------------------------------------------


@pytest.fixture
def installed(log: Any, places: Places, settings: Any, log_head: Head) -> Any:
    settings.AUDIT_WITNESSES = places.witnesses
    settings.AUDIT_HEAD_DIR = log_head.folder
    return log


def verify(**options: Any) -> int:
    with pytest.raises(SystemExit) as ended:
        call_command("audit_verify", **options)
    return int(ended.value.code or 0)


def test_audit_verify_says_what_it_did_and_leaves_an_entry(
    installed: psycopg.Connection[Any], capsys: Any, sequence: Sequence
) -> None:
    assert verify() == 0
    out = capsys.readouterr().out
    assert "45 entries (0 to 44)" in out and "Everything holds. Root of 45 entries: " in out
    sequence()
    [entry] = Entry.objects.filter(verb="audit.verify")
    assert (entry.actor, entry.outcome) == ("audit_verify", "allowed")


def test_audit_verify_with_a_witness_finds_what_only_a_witness_knows(
    installed: psycopg.Connection[Any],
    tmp_path: Path,
    intruder: psycopg.Connection[Any],
    log_keys: LogKeys,
    log_head: Head,
    capsys: Any,
) -> None:
    file = tmp_path / "seen.txt"
    file.write_text(witnessed(installed))
    assert verify(witness=file) == 0

    rewritten(intruder, log_keys)
    log_head.path.unlink()
    assert verify() == 0
    assert verify(witness=file) == 13
    assert "fork (13): " in capsys.readouterr().err
    assert verify(witness=tmp_path / "missing") == 2
    file.write_text("nothing\n")
    assert verify(witness=file) == 22


@pytest.mark.parametrize(
    ("damage", "status"),
    [
        ("UPDATE audit_log SET line = replace(line, 'allowed', 'denied') WHERE idx = 9", 16),
        ("DELETE FROM audit_log WHERE idx = 9", 17),
        ("UPDATE audit_node SET hash = sha256('x') WHERE level = 2 AND n = 1", 15),
        ("DELETE FROM audit_detail", 19),
        ("UPDATE audit_detail SET sealed = set_byte(sealed, 40, (get_byte(sealed, 40) + 1) % 256)", 19),
        ("DELETE FROM audit_log WHERE idx = 44", 12),
    ],
)
def test_the_exit_status_tells_what_is_wrong(
    damage: str,
    status: int,
    installed: Any,
    intruder: psycopg.Connection[Any],
    sequence: Sequence,
    capsys: Any,
) -> None:
    intruder.execute(damage)  # type: ignore[arg-type]
    assert verify() == status
    assert f"({status}): " in capsys.readouterr().err


def test_since_last_looks_only_at_what_is_newer(
    installed: psycopg.Connection[Any], intruder: psycopg.Connection[Any], capsys: Any
) -> None:
    intruder.execute(
        'INSERT INTO audit_verification (at, since, until, root, "full", ok, findings, took_ms) '
        "VALUES (now(), 0, 30, '', true, true, '[]', 1)"
    )
    intruder.execute("UPDATE audit_log SET line = replace(line, 'allowed', 'denied') WHERE idx = 9")
    assert verify(since_last=True) == 0
    assert "15 entries (30 to 44)" in capsys.readouterr().out
    assert verify(full=True) == 16


def test_audit_fsck_exits_with_the_worst(
    installed: Any, settings: Any, tmp_path: Path, request: pytest.FixtureRequest, capsys: Any
) -> None:
    settings.DATA_DIR = tmp_path
    with pytest.raises(SystemExit) as ended:
        call_command("audit_fsck")
    assert ended.value.code == 0, capsys.readouterr().err
    settings.AUDIT_WITNESSES = tmp_path / "none"
    request.getfixturevalue("intruder").execute("DELETE FROM audit_log WHERE idx = 9")
    with pytest.raises(SystemExit) as ended:
        call_command("audit_fsck")
    assert ended.value.code == 17
    assert "nobody outside vouches" in capsys.readouterr().err
