"""The purge: at 47 h by a moved clock, through crashes at every step, counted once, told in the log."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection

import audit
import vault
from tests.folders import empty
from tests.servers import TestServers
from vault import keystore, purgeables, selectors, services
from vault.epochs import epoch_of
from vault.models import DestroyedKey, PurgeRun

ACTOR = audit.system("purge")
HOUR = 3600


@pytest.fixture(autouse=True)
def own_keys(data_dir: Path) -> Iterator[Path]:
    """A key store of this test only."""
    folder = data_dir / "keys" / "epoch"
    with empty(folder):
        yield folder


@pytest.fixture(autouse=True)
def rows(own_database: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime, bytes], None]:
    """A table of sealed rows, as an app above would register one."""
    monkeypatch.setattr(purgeables, "_registered", {})
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE kept (epoch timestamptz, sealed bytea)")

    def put(epoch: datetime, sealed: bytes) -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO kept VALUES (%s, %s)", [epoch, sealed])

    def delete(epoch: datetime) -> int:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM kept WHERE epoch <= %s", [epoch])
            return cursor.rowcount

    def oldest() -> datetime | None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT min(epoch) FROM kept")
            row = cursor.fetchone()
        return row[0] if row else None

    vault.register_purgeable("kept", delete, oldest)
    return put


@pytest.fixture
def entries(servers: TestServers, own_database: str) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The purge's entries that wait for the sequencer."""
    with psycopg.connect(servers.url("postgres", own_database), autocommit=True) as admin:

        def read() -> list[dict[str, Any]]:
            found = admin.execute("SELECT body FROM audit_inbox ORDER BY seq").fetchall()
            return [json.loads(body) for (body,) in found if "purge.run" in body]

        yield read


Put = Callable[[datetime, bytes], None]
Entries = Callable[[], list[dict[str, Any]]]


def keep(clock: Any, put: Put, text: bytes = b"ABCD123") -> tuple[datetime, bytes]:
    """Seal something captured now, and keep it."""
    epoch, sealed = vault.seal(text, clock.now(), b"x")
    put(epoch, sealed)
    return epoch, sealed


def left(table: str = "kept") -> int:
    """How many rows are left."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        row = cursor.fetchone()
    return int(row[0]) if row else -1


def test_at_47_hours_key_and_rows_go_and_younger_ones_stay(clock: Any, rows: Put, entries: Entries) -> None:
    old, sealed = keep(clock, rows)
    clock.shift(3 * HOUR)
    young, younger = keep(clock, rows)
    clock.shift(47 * HOUR)
    run = services.purge_due(actor=ACTOR)
    assert (run.ok, run.keys, run.rows, run.oldest) == (True, 1, 1, young)
    with pytest.raises(vault.Gone):
        vault.open(old, sealed, b"x")
    assert vault.open(young, younger, b"x") == b"ABCD123"
    assert left() == 1 and keystore.markers() == []
    (entry,) = entries()
    assert entry["actor"] == {"id": "purge", "kind": "system"}
    assert entry["outcome"] == {"n": 2, "result": "allowed"}


def test_a_key_never_returns(clock: Any, rows: Put, own_keys: Path) -> None:
    keep(clock, rows)
    captured = clock.now()
    clock.shift(48 * HOUR)
    services.purge_due(actor=ACTOR)
    with pytest.raises(vault.EpochGone):
        vault.seal(b"late", captured, b"x")
    assert list(own_keys.iterdir()) == []


def test_a_crash_between_the_keys_and_the_rows_is_made_good(
    clock: Any, rows: Put, entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(clock, rows)
    clock.shift(48 * HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(services, "_record", _dies)
        with pytest.raises(KeyboardInterrupt):
            services.purge_due(actor=ACTOR)
    assert (keystore.epochs(), left(), len(keystore.markers())) == ([], 1, 1)
    run = services.purge_due(actor=ACTOR)
    assert (run.keys, run.rows, left(), keystore.markers()) == (1, 1, 0, [])
    assert [entry["outcome"]["n"] for entry in entries()] == [2]


def test_a_crash_after_the_record_counts_nothing_twice(
    clock: Any, rows: Put, entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(clock, rows)
    clock.shift(48 * HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(keystore, "forget", _dies)
        with pytest.raises(KeyboardInterrupt):
            services.purge_due(actor=ACTOR)
    run = services.purge_due(actor=ACTOR)
    assert (run.keys, run.rows, keystore.markers()) == (0, 0, [])
    assert DestroyedKey.objects.count() == 1 and len(entries()) == 1


def test_a_dead_database_does_not_stop_the_keys(
    clock: Any, rows: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(clock, rows)
    clock.shift(48 * HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(services, "_one_at_a_time", _no_database)
        with pytest.raises(DatabaseError):
            services.purge_due(actor=ACTOR)
    assert keystore.epochs() == []
    assert services.purge_due(actor=ACTOR).keys == 1


def test_one_key_that_resists_does_not_save_the_others(
    clock: Any, rows: Put, entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, _sealed = keep(clock, rows)
    clock.shift(HOUR)
    keep(clock, rows)
    clock.shift(50 * HOUR)
    real = keystore.destroy

    def destroy(epoch: datetime) -> None:
        if epoch == stuck:
            raise PermissionError
        real(epoch)

    with monkeypatch.context() as patch:
        patch.setattr(keystore, "destroy", destroy)
        run = services.purge_due(actor=ACTOR)
    assert (run.ok, run.keys, run.rows, run.fault) == (False, 1, 2, "permissionerror")
    assert entries()[0]["outcome"]["result"] == "partial"
    assert selectors.last_purge() == {"at": run_at(run), "ok": False, "oldest": wire(stuck)}


def test_an_idle_purge_tells_once_an_hour_that_it_lives(clock: Any, entries: Entries) -> None:
    for minutes in range(0, 130, 10):
        clock.shift(minutes * 60)
        services.purge_due(actor=ACTOR)
    assert PurgeRun.objects.count() == 13
    assert len(entries()) == 3


def test_running_it_twice_is_the_same_as_once(clock: Any, rows: Put) -> None:
    keep(clock, rows)
    clock.shift(48 * HOUR)
    assert [services.purge_due(actor=ACTOR).keys for _ in range(3)] == [1, 0, 0]


def test_the_watchdog_needs_no_celery(clock: Any, rows: Put) -> None:
    assert (selectors.oldest_epoch(), selectors.overdue(), selectors.last_purge()) == (None, False, None)
    epoch, _sealed = keep(clock, rows)
    assert selectors.oldest_epoch() == epoch
    assert not selectors.overdue(epoch + timedelta(hours=47, minutes=29))
    assert selectors.overdue(epoch + timedelta(hours=47, minutes=30))
    keystore.destroy(epoch)
    assert selectors.overdue(epoch + timedelta(hours=47, minutes=30)), "rows that stayed count as well"


def test_the_command_and_the_task_do_the_same(
    clock: Any, rows: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    from vault.tasks import purge

    keep(clock, rows)
    clock.shift(48 * HOUR)
    call_command("purge")
    assert "1 keys destroyed, 1 sealed rows deleted" in capsys.readouterr().out
    purge()
    assert PurgeRun.objects.count() == 2


def test_no_plaintext_is_left_anywhere_in_the_key_store_or_database(
    clock: Any, rows: Put, own_keys: Path, data_dir: Path
) -> None:
    marked = b"PLANTED-PLATE-ABCD123"
    keep(clock, rows, marked)
    clock.shift(48 * HOUR)
    services.purge_due(actor=ACTOR)
    for path in data_dir.rglob("*"):
        assert not path.is_file() or marked not in path.read_bytes()


def test_old_runs_go_unless_they_name_a_key(clock: Any, rows: Put) -> None:
    services.purge_due(actor=ACTOR)
    keep(clock, rows)
    clock.shift(48 * HOUR)
    services.purge_due(actor=ACTOR)
    clock.shift(40 * 24 * HOUR)
    services.purge_due(actor=ACTOR)
    assert sorted(PurgeRun.objects.values_list("keys", flat=True)) == [0, 1]


def test_the_epoch_is_that_of_capture(clock: Any, rows: Put) -> None:
    captured = clock.now() - timedelta(hours=5)
    epoch, _sealed = vault.seal(b"x", captured, b"x")
    assert epoch == epoch_of(captured)


def _dies(*_args: Any) -> Any:
    raise KeyboardInterrupt


def _no_database() -> None:
    raise DatabaseError("the server is gone")


def run_at(run: PurgeRun) -> str | None:
    """The run's time on the wire."""
    return wire(run.at)


def wire(moment: datetime) -> str | None:
    """A time on the wire."""
    from csoc.lib import clock

    return clock.wire(moment)
