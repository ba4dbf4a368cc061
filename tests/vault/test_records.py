"""Records: one key each, gone for good when their time has come, through rollbacks, crashes and backups."""

import json
import os
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction

import audit
import vault
from csoc.lib import sealing
from tests.folders import empty
from tests.servers import TestServers
from vault import keystore, purgeables, recordkeys, recordpurge, records, services
from vault.models import PurgeRun, Record

ACTOR = audit.system("purge")
HOUR = 3600

MARKED = b"PLANTED-OWNER-OLIVE-TREE"


@pytest.fixture(autouse=True)
def store(own_database: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Key stores of this test only, and no app that names anything as due."""
    for registered in ("_due", "_gone"):
        monkeypatch.setattr(records, registered, {})
    monkeypatch.setattr(purgeables, "_registered", {})
    folders = [data_dir / "keys" / "record", data_dir / "keys" / "epoch", data_dir / "media"]
    with empty(*folders):
        yield folders[0]


@pytest.fixture
def entries(servers: TestServers, own_database: str) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The purge's entries that wait for the sequencer."""
    with psycopg.connect(servers.url("postgres", own_database), autocommit=True) as admin:

        def read() -> list[dict[str, Any]]:
            found = admin.execute("SELECT body FROM audit_inbox ORDER BY seq").fetchall()
            return [json.loads(body) for (body,) in found if "purge.run" in body]

        yield read


def due_are(*ids: uuid.UUID) -> None:
    """Register an app that names these as due, at every run."""

    def due(now: datetime) -> Iterable[uuid.UUID]:
        yield from ids

    records.register_due(due)


def test_what_is_sealed_opens_for_its_record_and_name_only() -> None:
    one, other = records.new(), records.new()
    sealed = records.seal(one, "owner", MARKED)
    assert MARKED not in sealed and records.unseal(one, "owner", memoryview(sealed)) == MARKED  # type: ignore[arg-type]
    assert records.seal(one, "owner", MARKED) != sealed
    with pytest.raises(sealing.SealBroken):
        records.unseal(one, "answers", sealed)
    with pytest.raises(sealing.SealBroken):
        records.unseal(other, "owner", sealed)
    for changed in (b"", sealed[:1], b"\x01" + sealed[1:], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(sealing.SealBroken):
            records.unseal(one, "owner", changed)


def test_values_come_back_as_they_were() -> None:
    record = records.new()
    value = {"name": "Zoë “O’Neil” ਪੰਜਾਬੀ", "list": [1, None, True], "empty": ""}
    assert records.unseal_json(record, "answers", records.seal_json(record, "answers", value)) == value
    with pytest.raises(ValueError):
        records.seal_json(record, "answers", float("nan"))


def test_a_key_of_32_bytes_that_only_we_may_read(store: Path) -> None:
    record = records.new()
    assert [path.name for path in store.iterdir()] == [f"{record}.key"]
    assert stat.S_IMODE(store.stat().st_mode) == 0o700
    key = store / f"{record}.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and key.stat().st_size == 32


def test_a_destroyed_record_opens_nothing_and_seals_nothing(store: Path) -> None:
    record = records.new()
    sealed = records.seal(record, "owner", MARKED)
    key = (store / f"{record}.key").read_bytes()
    os.link(store / f"{record}.key", store / "copy")
    assert [records.destroy(record), records.destroy(record)] == [True, False]
    assert (store / "copy").read_bytes() == b"", "the very blocks of the file are gone, not a name"
    assert not any(key in path.read_bytes() for path in store.iterdir())
    for act in (
        lambda: records.unseal(record, "owner", sealed),
        lambda: records.seal(record, "owner", b"x"),
        lambda: records.unseal(uuid.uuid4(), "owner", sealed),
    ):
        with pytest.raises(vault.Gone):
            act()


@pytest.mark.parametrize("rest", [b"", bytes(32), b"half a key"])
def test_a_crash_while_destroying_leaves_no_key(store: Path, rest: bytes) -> None:
    record = records.new()
    sealed = records.seal(record, "owner", MARKED)
    (store / f"{record}.key").write_bytes(rest)
    with pytest.raises(vault.Gone):
        records.unseal(record, "owner", sealed)


def test_the_purge_destroys_what_is_due_counts_it_once_and_says_so(
    entries: Callable[[], list[dict[str, Any]]],
) -> None:
    due, kept = records.new(), records.new()
    sealed, other = records.seal(due, "owner", MARKED), records.seal(kept, "owner", MARKED)
    due_are(due)
    run = services.purge_due(actor=ACTOR)
    assert (run.ok, run.keys, run.rows, run.records) == (True, 0, 0, 1)
    with pytest.raises(vault.Gone):
        records.unseal(due, "owner", sealed)
    assert records.unseal(kept, "owner", other) == MARKED
    assert services.purge_due(actor=ACTOR).records == 0
    assert recordkeys.markers() == [] and recordkeys.records() == [kept]
    assert [entry["outcome"] for entry in entries()] == [{"n": 1, "result": "allowed"}]
    assert str(due) not in json.dumps(entries()), "counts only"


def test_after_the_purge_nothing_of_it_is_left_in_the_data_directory(data_dir: Path) -> None:
    record = records.new()
    sealed = records.seal(record, "document", MARKED)
    default_storage.save("records/marked", ContentFile(sealed))

    def nothing_clear() -> bool:
        files = [path for path in data_dir.rglob("*") if path.is_file()]
        return not any(MARKED in path.read_bytes() for path in files)

    assert nothing_clear()
    due_are(record)
    services.purge_due(actor=ACTOR)
    assert nothing_clear()
    with default_storage.open("records/marked") as file, pytest.raises(vault.Gone):
        records.unseal(record, "document", file.read())


def test_what_the_apps_keep_of_it_goes_in_the_same_run() -> None:
    record = records.new()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE kept (record uuid)")
        cursor.execute("INSERT INTO kept VALUES (%s), (%s)", [record, uuid.uuid4()])

    def delete(gone: Sequence[uuid.UUID]) -> int:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM kept WHERE record = ANY(%s)", [list(gone)])
            return cursor.rowcount

    records.register_gone(delete)
    records.destroy(record)  # by a person's act, not by the purge
    run = services.purge_due(actor=ACTOR)
    assert (run.records, run.rows) == (1, 1)


def test_an_app_that_fails_saves_only_its_own() -> None:
    one, two = records.new(), records.new()

    def breaks(now: datetime) -> Iterable[uuid.UUID]:
        yield one
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    def works(now: datetime) -> Iterable[uuid.UUID]:
        return [two]

    records.register_due(breaks)
    records.register_due(works)
    run = services.purge_due(actor=ACTOR)
    assert (run.ok, run.fault, run.records) == (False, "dataerror", 2)
    assert recordkeys.records() == []


def test_one_file_that_resists_does_not_save_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, other = records.new(), records.new()
    due_are(stuck, other)
    real = recordkeys.destroy

    def destroy(record: uuid.UUID) -> bool:
        if record == stuck:
            raise PermissionError
        return real(record)

    with monkeypatch.context() as patch:
        patch.setattr(recordkeys, "destroy", destroy)
        run = services.purge_due(actor=ACTOR)
    assert (run.ok, run.records, run.fault) == (False, 1, "permissionerror")
    assert services.purge_due(actor=ACTOR).records == 1


def test_a_dead_database_does_not_stop_the_epoch_keys(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.seal(MARKED, clock.now(), b"x")
    clock.shift(48 * HOUR)

    def dead(now: datetime) -> tuple[list[str], list[uuid.UUID]]:
        raise DatabaseError("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(recordpurge, "destroy_due", dead)
        with pytest.raises(DatabaseError):
            services.purge_due(actor=ACTOR)
    assert keystore.epochs() == []


def test_a_crash_before_and_after_the_record_counts_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    record = records.new()
    due_are(record)
    for where, what in ((recordpurge, "count_once"), (recordkeys, "forget")):
        with monkeypatch.context() as patch:
            patch.setattr(where, what, _dies)
            with pytest.raises(KeyboardInterrupt):
                services.purge_due(actor=ACTOR)
    services.purge_due(actor=ACTOR)
    assert sum(PurgeRun.objects.values_list("records", flat=True)) == 1
    assert recordkeys.markers() == []


def test_a_key_that_comes_back_with_a_backup_is_destroyed_again(store: Path) -> None:
    record = records.new()
    sealed = records.seal(record, "owner", MARKED)
    backup = (store / f"{record}.key").read_bytes()
    records.destroy(record)
    services.purge_due(actor=ACTOR)
    (store / f"{record}.key").write_bytes(backup)
    assert records.unseal(record, "owner", sealed) == MARKED
    services.purge_due(actor=ACTOR)
    with pytest.raises(vault.Gone):
        records.unseal(record, "owner", sealed)


def test_an_older_database_learns_what_was_destroyed(store: Path) -> None:
    record = records.new()
    records.destroy(record)
    services.purge_due(actor=ACTOR)
    Record.objects.update(run=None)  # as the backup of before has it
    due_are(record)
    assert [services.purge_due(actor=ACTOR).records for _run in range(2)] == [1, 0]
    assert Record.objects.filter(run=None).count() == 0


def test_a_rolled_back_record_opens_inside_and_goes_an_hour_later(store: Path) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        record = records.new()
        assert records.unseal(record, "owner", records.seal(record, "owner", MARKED)) == MARKED
        raise RuntimeError
    pending = store / f"{record}.pending"
    assert pending.exists()
    assert services.purge_due(actor=ACTOR).records == 0, "another transaction may still commit it"
    os.utime(pending, (0, 0))
    assert services.purge_due(actor=ACTOR).records == 1
    assert list(store.iterdir()) == []


def test_a_process_that_dies_after_the_commit_loses_no_record(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(recordkeys, "keep", lambda record: None)
        record = records.new()
    sealed = records.seal(record, "owner", MARKED)
    os.utime(store / f"{record}.pending", (0, 0))
    assert services.purge_due(actor=ACTOR).records == 0
    assert records.unseal(record, "owner", sealed) == MARKED and recordkeys.records() == [record]


def test_half_made_and_strange_files_are_no_keys(store: Path) -> None:
    record = records.new()
    draft = store / f".{uuid.uuid4()}.pending.1.abcd"
    draft.write_bytes(b"k" * 32)
    (store / "README.key").write_bytes(b"")
    os.utime(draft, (0, 0))
    services.purge_due(actor=ACTOR)
    assert not draft.exists() and recordkeys.records() == [record]


def test_old_runs_go_unless_they_name_a_record(clock: Any) -> None:
    services.purge_due(actor=ACTOR)
    due_are(records.new())
    services.purge_due(actor=ACTOR)
    clock.shift(40 * 24 * HOUR)
    services.purge_due(actor=ACTOR)
    assert sorted(PurgeRun.objects.values_list("records", flat=True)) == [0, 1]
    assert Record.objects.exclude(run=None).count() == 1


def _dies(*_args: Any) -> Any:
    raise KeyboardInterrupt
