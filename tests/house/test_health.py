"""What health and doctor say about the log's processes, from a real database and real files."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from csoc import health
from csoc.health import Finding
from tests.servers import TestServers


@pytest.fixture
def connect_as(servers: TestServers, own_database: str) -> Iterator[Callable[[str], psycopg.Connection[Any]]]:
    opened: list[psycopg.Connection[Any]] = []

    def connect(role: str) -> psycopg.Connection[Any]:
        opened.append(psycopg.connect(servers.url(role, own_database), autocommit=True))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def app(connect_as: Callable[[str], psycopg.Connection[Any]]) -> psycopg.Connection[Any]:
    return connect_as("csoc_app")


@pytest.fixture
def sequencer(connect_as: Callable[[str], psycopg.Connection[Any]]) -> psycopg.Connection[Any]:
    return connect_as("csoc_sequencer")


@pytest.fixture
def publisher(connect_as: Callable[[str], psycopg.Connection[Any]]) -> psycopg.Connection[Any]:
    return connect_as("csoc_publisher")


def pulse(connection: psycopg.Connection[Any], ago_s: float = 0.0, state: str = "working") -> None:
    connection.execute(
        "INSERT INTO audit_pulse (id, at, size, pid, state, fault) "
        "VALUES (1, clock_timestamp() - make_interval(secs => %s), 0, 1, %s, 'behind') "
        "ON CONFLICT (id) DO UPDATE SET at = excluded.at, state = excluded.state, fault = excluded.fault",
        [ago_s, state],
    )


def verified(connection: psycopg.Connection[Any], ago_s: float) -> None:
    connection.execute(
        'INSERT INTO audit_verification (at, since, until, root, "full", ok, findings, took_ms) '
        "VALUES (clock_timestamp() - make_interval(secs => %s), 0, 0, '', true, true, '[]', 1)",
        [ago_s],
    )


def signed(connection: psycopg.Connection[Any], size: int, ago_s: float) -> None:
    connection.execute(
        "INSERT INTO audit_checkpoint (size, root, note, at) "
        "VALUES (%s, %s, 'note', clock_timestamp() - make_interval(secs => %s))",
        [size, bytes(32), ago_s],
    )


def code(finding: Finding | None) -> str:
    return finding.code if finding else "ok"


def test_a_sequencer_works_falls_silent_or_halts(
    app: psycopg.Connection[Any], sequencer: psycopg.Connection[Any]
) -> None:
    assert code(health.sequencer(app)) == "never"
    pulse(sequencer)
    assert health.sequencer(app) is None
    pulse(sequencer, ago_s=health.SEQUENCER_SILENT_S + 1)
    assert code(health.sequencer(app)) == "silent"
    pulse(sequencer, state="halted")
    found = health.sequencer(app)
    assert found is not None and found.code == "halted" and "behind" in found.fact


def test_entries_that_wait_too_long_are_counted(
    app: psycopg.Connection[Any],
    sequencer: psycopg.Connection[Any],
    connect_as: Callable[[str], psycopg.Connection[Any]],
) -> None:
    pulse(sequencer)
    for ago_s, expected in ((1, "ok"), (9, "behind")):
        connect_as("csoc_owner").execute(
            "INSERT INTO audit_inbox (at, uid, body) VALUES (clock_timestamp() - make_interval(secs => %s), "
            "gen_random_uuid(), '{}')",
            [ago_s],
        )
        assert code(health.sequencer(app)) == expected


def test_a_publisher_works_or_falls_silent(
    app: psycopg.Connection[Any], publisher: psycopg.Connection[Any]
) -> None:
    assert code(health.publisher(app)) == "never"
    verified(publisher, health.PUBLISHER_SILENT_S + 1)
    assert code(health.publisher(app)) == "silent"
    verified(publisher, 1)
    assert health.publisher(app) is None
    assert health.publisher(publisher) is None


def test_what_nobody_has_cosigned_for_a_minute_is_said(
    app: psycopg.Connection[Any], sequencer: psycopg.Connection[Any], publisher: psycopg.Connection[Any]
) -> None:
    assert [found.code for found in health.witnesses(app)] == ["unwitnessed"]
    signed(sequencer, 5, 500)
    publisher.execute("INSERT INTO audit_cosignature (size, witness, line) VALUES (5, 'w', 'line')")
    # An old cosignature is enough while nothing newer was signed.
    assert list(health.witnesses(app)) == []
    signed(sequencer, 6, health.WITNESSED_WITHIN_S - 20)
    assert list(health.witnesses(app)) == []
    signed(sequencer, 7, health.WITNESSED_WITHIN_S + 20)
    assert [found.code for found in health.witnesses(app)] == ["unwitnessed"]


def test_a_witness_that_is_not_reached_is_named_while_it_is_tried(
    app: psycopg.Connection[Any], publisher: psycopg.Connection[Any]
) -> None:
    publisher.execute("INSERT INTO audit_cosignature (size, witness, line) VALUES (5, 'w', 'line')")
    for name, ago in (("w.invalid/now", "1 s"), ("w.invalid/dismissed", "1 h")):
        publisher.execute(
            "INSERT INTO audit_witness_state (vkey, origin, name, tried_at, fault, sentence) "
            "VALUES (%s, 'o', %s, clock_timestamp() - %s::interval, 'unreachable', 'It does not answer.')",
            [name, name, ago],
        )
    assert [found.fact for found in health.witnesses(app)] == ["w.invalid/now: It does not answer."]


def test_a_witness_that_refuses_is_told_at_once_and_weighs_more_than_a_silent_one(
    app: psycopg.Connection[Any], publisher: psycopg.Connection[Any]
) -> None:
    publisher.execute("INSERT INTO audit_cosignature (size, witness, line) VALUES (5, 'w', 'line')")
    for vkey, fault in (("refuses+1+x", "status-403"), ("silent+1+x", "timeout"), ("gone+1+x", "ahead")):
        publisher.execute(
            "INSERT INTO audit_witness_state (vkey, origin, name, tried_at, fault, sentence) "
            "VALUES (%s, 'o', %s, clock_timestamp() - interval '1 day', %s, 'So it is.')",
            [vkey, vkey.partition("+")[0], fault],
        )
    listed = frozenset({"refuses+1+x", "silent+1+x"})
    found = {finding.fact: finding.code for finding in health.witnesses(app, listed)}
    assert found == {"refuses: So it is.": "refused", "silent: So it is.": "unreached"}
    assert "refused" not in health.WARNINGS


def test_what_is_well_is_said_in_figures(
    servers: TestServers,
    own_database: str,
    tmp_path: Path,
    sequencer: psycopg.Connection[Any],
    publisher: psycopg.Connection[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    pulse(sequencer)
    verified(publisher, 1)
    signed(sequencer, 1204, health.WITNESSED_WITHIN_S + 1)
    publisher.execute("INSERT INTO audit_cosignature (size, witness, line) VALUES (1204, 'one', 'line')")
    url = servers.url("csoc_app", own_database)
    listed = tmp_path / "list.txt"
    info = {"database_url": url, "audit": {"witness_list": str(listed)}}
    (tmp_path / "run.json").write_text(json.dumps(info))
    for text, expected in (
        ("one+1+x http://w.invalid # words\n", "1 of 1"),
        ("one+1+x\ntwo+1+x\n", "1 of 2"),
    ):
        listed.write_text("# Who may cosign.\n" + text)
        assert health.main(["doctor", "--data", str(tmp_path)]) == 0
        lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        assert ["ok", "sequencer", "signed 1,204 of 1,204", ""] in lines
        assert ["ok", "witness", f"{expected} within 60 s", ""] in lines
        assert {about for _weight, about, _fact, _todo in lines} >= {"publisher", "audit log"}


def test_room_for_lines_is_watched(app: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    left = app.execute("SELECT audit_partitions_left()").fetchone()
    assert left is not None
    monkeypatch.setattr(health, "PARTITIONS_LEFT", left[0] - 1)
    assert health.partitions(app) is None
    monkeypatch.setattr(health, "PARTITIONS_LEFT", left[0])
    found = health.partitions(app)
    assert found is not None and found.fact.startswith(f"{left[0]} unused partitions")


def test_a_key_that_others_can_read_is_named(tmp_path: Path) -> None:
    assert health.key_files(tmp_path / "none") is None
    key = tmp_path / "current.key"
    key.touch(mode=0o600)
    assert health.key_files(tmp_path) is None
    key.chmod(0o640)
    found = health.key_files(tmp_path)
    assert found is not None and "current.key" in found.fact


def test_a_head_beside_the_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "head").mkdir()
    (tmp_path / "pg").mkdir()
    assert code(health.head_disk(tmp_path / "head", tmp_path / "pg")) == "same-disk"
    assert health.head_disk(Path("/proc"), tmp_path / "pg") is None


def test_one_process_is_asked_by_its_exit_code(
    servers: TestServers,
    own_database: str,
    sequencer: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CSOC_DATABASE_URL", servers.url("csoc_sequencer", own_database))
    assert health.main(["sequencer"]) == 1
    assert "It has never run" in capsys.readouterr().out
    pulse(sequencer)
    assert health.main(["sequencer"]) == 0
    monkeypatch.setenv("CSOC_DATABASE_URL", "postgresql://csoc_app@127.0.0.1:1/x")
    assert health.main(["sequencer"]) == 1
    assert "cannot be asked" in capsys.readouterr().out


def test_the_doctor_hears_of_everything_at_once(
    servers: TestServers, own_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = servers.url("csoc_app", own_database)
    (tmp_path / "run.json").write_text(json.dumps({"database_url": url}))
    assert health.main(["doctor", "--data", str(tmp_path)]) == 1
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(weight, about) for weight, about, _fact, _todo in lines] == [
        ("ok", "audit log"),
        ("WRONG", "sequencer"),
        ("WRONG", "publisher"),
        ("warn", "witness"),
    ]
