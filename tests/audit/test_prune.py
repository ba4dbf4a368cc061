"""Pruning for real: a whole partition of 2^20 lines of long ago, dropped by two people's decision.

The database makes the old lines (their JSON, hashes and nodes are real, and a sample is verified first);
everything after them is written by the real sequencer.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

import audit
from audit import census, checkpoints, lines, nodes, proofs, pruning, services, tree, verification
from audit.context import acting_as, system
from audit.head import Head
from audit.logkeys import LogKeys
from audit.management.commands import audit_prune
from audit.models import Entry, PruneRequest
from audit.notes import Checkpoint
from audit.verification import whole
from csoc.lib.errors import Refused
from csoc.lib.ids import uuid7
from tests.audit.exports.living import Living
from tests.audit.test_page import signed_in
from tests.audit.test_sequencer import write

ROOT = Path(__file__).resolve().parents[2]
Connect = Callable[[str], psycopg.Connection[Any]]
#: One partition, and the first lines of the next: they tell that all before them is old.
PARTITION = 1 << 20
SIZE = PARTITION + 16
PAGE = "/audit/witnesses/"

OLD_LINES = """
INSERT INTO audit_log (idx, uid, line, leaf)
SELECT i, uid::uuid, line, sha256('\\x00'::bytea || convert_to(line, 'UTF8')) FROM (
    SELECT i, uid,
        '{"e":{"actor":{"id":"u-' || i %% 3 || '","kind":"person"},"object":{"agency":"","id":"TRL-' || i %% 5
        || '","type":"trailer"},"outcome":{"result":"allowed"},"uid":"' || uid
        || '","v":1,"verb":"trailer.view"},"i":' || i || ',"na":' || i / 3 + 1 || ',"no":' || i / 5 + 1
        || ',"pa":' || CASE WHEN i < 3 THEN 'null' ELSE (i - 3)::text END
        || ',"po":' || CASE WHEN i < 5 THEN 'null' ELSE (i - 5)::text END
        || ',"t":"' || to_char(timestamp '2015-03-01' + i * interval '1 minute',
            'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '"}' AS line
    FROM (SELECT i, '00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0') AS uid
        FROM generate_series(0, %s::bigint - 1) AS i) AS numbered) AS lines
"""
LOWEST = """
INSERT INTO audit_node SELECT 1, l.idx / 2, sha256('\\x01'::bytea || l.leaf || r.leaf)
FROM audit_log l JOIN audit_log r ON r.idx = l.idx + 1 WHERE l.idx %% 2 = 0 AND l.idx < %s
"""
HIGHER = """
INSERT INTO audit_node SELECT l.level + 1, l.n / 2, sha256('\\x01'::bytea || l.hash || r.hash)
FROM audit_node l JOIN audit_node r ON r.level = l.level AND r.n = l.n + 1 WHERE l.level = %s AND l.n %% 2 = 0
"""


ARM = """
DO $$ DECLARE t record; BEGIN
    FOR t IN SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger
        WHERE NOT tgisinternal AND tgenabled = 'D' AND tgrelid::regclass::text LIKE 'audit\\_%' LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.relation, t.tgname);
    END LOOP;
END $$
"""


def build(root: psycopg.Connection[Any], keys: LogKeys, head: Head) -> None:
    """A first partition full of old lines and a little more, signed; superuser with the guards off."""
    # They cost minutes to keep up line by line, and nothing here searches by them.
    for index in ("uid", "at", "verb", "name", "cad", "refused"):
        root.execute(f"DROP INDEX audit_log_{index}")
    root.execute("SET synchronous_commit = off")
    root.execute(OLD_LINES, [SIZE])
    root.execute(LOWEST, [SIZE])
    for level in range(1, 20):
        root.execute(HIGHER, [level])
    root.execute("ANALYZE audit_log, audit_node")
    keys.create()
    now = tree.root(nodes.reader(root), SIZE)
    note = keys.note(Checkpoint(keys.origin, SIZE, now))
    query = "INSERT INTO audit_log_key (generation, n, vkey, from_size) VALUES (1, 1, %s, 0)"
    root.execute(query, [str(keys.vkey)])
    query = "INSERT INTO audit_checkpoint (size, root, note) VALUES (%s, %s, %s)"
    root.execute(query, [SIZE, now, note])
    head.write(note)
    root.execute(ARM)


@pytest.fixture
def officers(own_database: str) -> tuple[Any, audit.Actor, audit.Actor]:
    """A privacy officer's user, and two people who act with those rights."""
    from accounts.cast import create_cast
    from accounts.models import User

    cast = create_cast(audit.system("seed"))
    user = User.objects.get(username=cast["privacy_officer"]["username"])
    first = audit.Actor("person", "u-1", role="privacy_officer", agency="DEMO-PS", name="Eli Tremblay")
    return (
        user,
        first,
        audit.Actor("person", "u-2", role="privacy_officer", agency="DEMO-PS", name="Mo Adler"),
    )


def prune(servers: Any, database: str, settings: Any, *arguments: str, role: str = "csoc_owner") -> Any:
    """Run ``manage.py audit_prune`` as an operator does."""
    environment = os.environ | {
        "CSOC_DATABASE_URL": servers.url(role, database),
        "CSOC_AUDIT_WITNESSES": str(settings.AUDIT_WITNESSES),
    }
    command = [sys.executable, "manage.py", "audit_prune", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_a_young_log_is_not_pruned(
    officers: Any, sequence: Callable[[], int], connect_as: Connect, capsys: Any
) -> None:
    user, first, second = officers
    write(connect_as("csoc_app"), 5)
    sequence()
    call_command("audit_prune", yes=True)
    assert "Nothing is past its retention" in capsys.readouterr().out
    with acting_as(first):
        assert services.ask_pruning(actor=user, partition=0) is None
    with acting_as(second), pytest.raises(Refused) as refused:
        services.approve_pruning(actor=user, partition=0)
    assert refused.value.status == 404
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not full and sealed"):
        pruning.drop(connect_as("csoc_owner"), 0)
    assert PruneRequest.objects.count() == 0
    sequence()
    assert Entry.objects.get(verb="approval.request").outcome == "failed"


def test_nothing_goes_before_a_witness_saw_it_announced_also_the_second_time(
    own_database: str, sequence: Callable[[], int], connect_as: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[int] = []
    monkeypatch.setattr(pruning, "oldest_due", lambda connection: 0)
    monkeypatch.setattr(pruning, "approved", lambda connection, n: ("u-1", "A", "u-2", "B", uuid7()))
    monkeypatch.setattr(pruning, "drop", lambda connection, n: dropped.append(n))
    # A small log stands for one whose first part is full.
    monkeypatch.setattr(lines, "_is_full", lambda ref, size: True)
    monkeypatch.setattr(audit_prune, "SEALED_S", 0.1)
    with pytest.raises(CommandError, match="written but not sealed"):
        call_command("audit_prune", yes=True)
    sequence()
    for _run in range(2):
        with pytest.raises(CommandError, match="sealed but not witnessed"):
            call_command("audit_prune", yes=True)
    assert dropped == []
    monkeypatch.setattr(checkpoints, "newest_witnessed", lambda above, using: above == 1 or None)
    call_command("audit_prune", yes=True)
    assert dropped == [0]
    sequence()
    assert Entry.objects.filter(verb="log.prune").count() == 1


def test_the_database_keeps_four_eyes(officers: Any, connect_as: Connect) -> None:
    app = connect_as("csoc_app")
    app.execute(
        "INSERT INTO audit_prune_request (partition, asked_by, asked_name, asked_at, asked_entry) "
        "VALUES (0, 'u-1', 'A', now(), gen_random_uuid())"
    )
    agree = (
        "UPDATE audit_prune_request SET approved_by = %s, approved_name = 'B', approved_at = now(), "
        "approved_entry = gen_random_uuid()"
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        app.execute(agree, ["u-1"])
    app.execute(agree, ["u-2"])
    with pytest.raises(psycopg.errors.CheckViolation):
        app.execute(agree, ["u-3"])
    for statement in ("UPDATE audit_prune_request SET done_at = now()", "DELETE FROM audit_prune_request"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)


def test_a_partition_goes_and_everything_later_is_still_proven(
    servers: Any,
    own_database: str,
    officers: Any,
    connect_as: Connect,
    intruder: psycopg.Connection[Any],
    log_keys: LogKeys,
    log_head: Head,
    settings: Any,
    tmp_path: Path,
) -> None:
    user, _first, second = officers
    settings.AUDIT_WITNESSES = tmp_path / "witnesses.txt"
    intruder.execute("DELETE FROM audit_inbox")
    build(intruder, log_keys, log_head)
    servers.guard(own_database)
    reader = connect_as("csoc_publisher")
    for since in (0, 500_000, PARTITION - 3_000):
        assert verification.verify(reader, since, since + 6_000).findings == []
    before = tree.root(nodes.reader(reader), SIZE)

    with Living(connect_as, log_keys, log_head, settings.AUDIT_WITNESSES) as log:
        write(connect_as("csoc_app"), 20)
        log.settle()
        # One person asks, on the page; alone they get no further.
        page = signed_in(user.username)
        assert "Entries 0 to 1,048,575 are all older than 7 years" in page.get(PAGE).content.decode()
        refused = prune(servers, own_database, settings, "--yes")
        assert refused.returncode == 1 and "two privacy officers have to agree" in refused.stderr
        assert page.post("/audit/pruning/0/").status_code == 302
        assert "another privacy officer has to agree" in page.get(PAGE).content.decode()
        assert page.post("/audit/pruning/0/agree/").status_code == 403
        with acting_as(second):
            services.approve_pruning(actor=user, partition=0)
        told = page.get(PAGE).content.decode()
        assert "Asked for by Eli Tremblay, agreed by Mo Adler." in told

        shown = prune(servers, own_database, settings)
        assert shown.returncode == 0 and "Nothing was done" in shown.stdout, shown.stderr
        done = prune(servers, own_database, settings, "--yes")
        assert done.returncode == 0 and "audit_log_00000 is gone" in done.stdout, done.stderr

        # The entry names both people through the agreement, and stood in the log, witnessed, before.
        [entry] = Entry.objects.filter(object="log:partition:0", verb="log.prune")
        agreed = PruneRequest.objects.get()
        assert agreed.done_at and f'"parent":"{agreed.approved_entry}"' in entry.line
        write(connect_as("csoc_app"), 20)
        with acting_as(system("publisher")):
            taken = census.take()
        size = log.settle()

        assert whole.ends(reader) == (PARTITION, size)
        assert tree.root(nodes.reader(reader), SIZE) == before, "earlier roots can still be computed"
        report = verification.verify(reader)
        assert report.findings == [] and (report.since, report.size) == (PARTITION, size)
        assert report.censuses == 1 and taken.size > PARTITION
        for idx in (PARTITION, SIZE - 1, entry.idx, size - 1):
            assert proofs.of_entry(idx).state == "proven", idx
        again = prune(servers, own_database, settings, "--yes")
        assert again.returncode == 0 and "Nothing is past its retention" in again.stdout

    # Without the entry the same gap is tampering.
    servers.unguard(own_database)
    intruder.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
    intruder.execute("DELETE FROM audit_log WHERE idx = %s", [entry.idx])
    assert "missing" in {found.code for found in verification.verify(reader).findings if found.index == 0}
