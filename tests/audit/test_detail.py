"""Erasable detail: three classes, their keys, and how it goes: with its entry, in the database's one way."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from psycopg import errors

import audit
from audit import detail, erasure
from audit.models import Detail
from csoc.lib import sealing
from csoc.lib.ids import uuid7
from tests.audit.conftest import ALERT
from tests.folders import empty
from vault import keystore, services

Connect = Callable[[str], psycopg.Connection[Any]]
HOUR = 3600
MARKER = "PLANTED-PLATE-ABCD123 ran north"
PURGE = audit.system("purge")


@pytest.fixture(autouse=True)
def own_keys(data_dir: Path, own_database: str, person: audit.Actor) -> Iterator[None]:
    """Key stores of this test only."""
    with empty(data_dir / "keys" / "epoch", data_dir / "keys" / "audit"):
        yield


def note(clock: Any, text: str = MARKER) -> dict[str, Any]:
    """Keep something of the public, captured now."""
    with transaction.atomic():
        audit.record("alert.note", ALERT, detail={"text": text}, captured_at=clock.now())
    return {"text": text}


def change() -> None:
    """Keep an old and a new value."""
    with transaction.atomic():
        audit.record("user.update", ALERT, old={"roles": ["a"]}, new={"roles": ["b"]})


def inbox(connect_as: Connect, verb: str = "") -> list[dict[str, Any]]:
    """What waits for the sequencer."""
    rows = connect_as("postgres").execute("SELECT body FROM audit_inbox ORDER BY seq").fetchall()
    return [entry for entry in (json.loads(body) for (body,) in rows) if verb in ("", entry["verb"])]


def promised(connect_as: Connect) -> set[str]:
    """Every commitment that an entry carries."""
    members = ("detail", "old", "new")
    return {entry[name] for entry in inbox(connect_as) for name in members if name in entry}


def erased(connect_as: Connect) -> list[str]:
    """Every commitment that an entry says is erased."""
    return [one for entry in inbox(connect_as, "detail.erase") for one in entry["erased"]]


def standing() -> set[str]:
    """Every commitment whose row stands."""
    return {bytes(row.commitment).hex() for row in Detail.objects.all()}


def insert(key_id: str, clock: Any, *, hold: bool = False, kind: str = "subject") -> bytes:
    """Put a row in as the app may, sealed by nobody."""
    commitment = uuid7().bytes * 2
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_detail VALUES (%s, %s, %s, %s, %s, %s)",
            [commitment, kind, b"x", key_id, clock.now(), hold],
        )
    return commitment


def test_what_is_of_the_public_is_sealed_under_the_hour_of_its_capture(clock: Any) -> None:
    value, captured = note(clock), clock.now()
    row = Detail.objects.get()
    assert (row.kind, row.key_id) == ("subject", captured.strftime("%Y-%m-%dT%H"))
    assert row.expires - captured.replace(minute=0, second=0, microsecond=0) == timedelta(hours=47)
    assert detail.open_sealed(bytes(row.commitment), bytes(row.sealed), row.key_id) == value
    salt, opened = detail.opened(bytes(row.commitment), bytes(row.sealed), row.key_id)
    assert len(salt) == 32 and opened == value


def test_free_text_of_staff_and_changes_are_sealed_under_the_month(clock: Any, data_dir: Path) -> None:
    change()
    with transaction.atomic():
        audit.record("alert.view", ALERT, detail="because")
    month = clock.now().strftime("%Y-%m")
    assert sorted((row.kind, row.key_id) for row in Detail.objects.all()) == [
        ("change", month), ("change", month), ("justification", month),
    ]  # fmt: skip
    assert (data_dir / "keys" / "audit" / f"{month}.key").stat().st_mode & 0o777 == 0o600


def test_once_the_hour_is_due_nothing_of_it_is_written(clock: Any, connect_as: Connect) -> None:
    captured = clock.now()
    clock.shift(48 * HOUR)
    with transaction.atomic():
        audit.record("alert.note", ALERT, detail={"text": MARKER}, captured_at=captured)
    assert standing() == set()
    assert "detail" not in inbox(connect_as)[0]


def test_after_the_purge_nothing_of_it_can_be_read_and_its_entry_says_so(
    clock: Any, connect_as: Connect, data_dir: Path
) -> None:
    value = note(clock)
    change()
    [row] = Detail.objects.filter(kind="subject")
    kept = (bytes(row.commitment), bytes(row.sealed), row.key_id)
    assert detail.open_sealed(*kept) == value
    clock.shift(48 * HOUR)
    run = services.purge_due(actor=PURGE)
    assert (run.keys, run.rows) == (1, 1)
    with pytest.raises(detail.KeyGone):
        detail.open_sealed(*kept)
    [entry] = inbox(connect_as, "detail.erase")
    assert entry["erased"] == [kept[0].hex()]
    assert entry["object"] == {"type": "epoch", "id": kept[2], "agency": ""}
    assert entry["actor"] == {"kind": "system", "id": "purge"} and entry["outcome"]["n"] == 1
    assert promised(connect_as) - standing() == set(erased(connect_as))
    assert list(Detail.objects.values_list("kind", flat=True).order_by("kind")) == [
        "change",
        "change",
        "justification",
    ]
    # Nobody with a copy of the row, every key that is left and the whole disk reads it either.
    for path in data_dir.rglob("*"):
        if path.is_file():
            assert b"ABCD123" not in path.read_bytes()
            with pytest.raises(sealing.SealBroken):
                sealing.unseal(
                    path.read_bytes()[:32].ljust(32), kept[1], b"csoc/audit-detail/1\x00" + kept[0]
                )


def test_many_go_in_bounded_batches_each_with_its_entry(clock: Any, connect_as: Connect) -> None:
    for _number in range(450):
        insert("2026-01-01T10", clock)
    for _number in range(3):
        insert("2026-01-01T11", clock)
    clock.shift(HOUR)
    with audit.acting_as(PURGE):
        assert erasure.erase_due(clock.now()) == (453, 0)
    entries = inbox(connect_as, "detail.erase")
    assert [len(entry["erased"]) for entry in entries] == [200, 200, 50, 3]
    assert [entry["object"]["id"] for entry in entries][-2:] == ["2026-01-01T10", "2026-01-01T11"]
    assert len(set(erased(connect_as))) == 453 and standing() == set()


def test_a_crash_between_batches_leaves_whole_ones(
    clock: Any, connect_as: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {insert("2026-01-01T10", clock).hex() for _number in range(250)}
    clock.shift(HOUR)
    real, done = erasure.body, []

    def body(*args: Any, **kwargs: Any) -> bytes:
        done.append(1)
        if len(done) == 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(erasure, "body", body)
        erasure.erase_due(clock.now())
    assert rows - standing() == set(erased(connect_as)) and len(erased(connect_as)) == 200
    assert erasure.erase_due(clock.now()) == (50, 0)
    assert rows == set(erased(connect_as))


def test_a_hold_beats_the_purge(clock: Any, connect_as: Connect) -> None:
    held, free = insert("2026-01-01T10", clock, hold=True), insert("2026-01-01T10", clock)
    clock.shift(HOUR)
    assert erasure.erase_due(clock.now()) == (1, 0)
    assert standing() == {held.hex()} and erased(connect_as) == [free.hex()]
    with pytest.raises(errors.InsufficientPrivilege, match="held"):
        connect_as("postgres").execute("DELETE FROM audit_detail")


def test_the_key_of_a_month_goes_with_its_last_row(clock: Any, connect_as: Connect, data_dir: Path) -> None:
    change()
    month = clock.now().strftime("%Y-%m")
    path = data_dir / "keys" / "audit" / f"{month}.key"
    held = insert(month, clock, hold=True, kind="change")
    clock.shift(7 * 365 * 24 * HOUR - HOUR)
    assert erasure.erase_due(clock.now()) == (0, 0)
    clock.shift((7 * 365 + 40) * 24 * HOUR)
    assert erasure.erase_due(clock.now()) == (2, 0)
    assert path.exists(), "a row on hold still needs it"
    admin = without_guards(connect_as)
    admin.execute("ALTER TABLE audit_detail DISABLE TRIGGER audit_detail_rows")
    admin.execute("DELETE FROM audit_detail WHERE commitment = %s", [held])
    assert erasure.erase_due(clock.now()) == (0, 1)
    assert not path.exists()


def without_guards(connect_as: Connect) -> psycopg.Connection[Any]:
    """A superuser for whom the DDL triggers are lifted, as before a migration."""
    admin = connect_as("postgres")
    admin.execute("DROP SCHEMA IF EXISTS csoc_guard CASCADE")
    return admin


def test_the_app_can_delete_no_detail_but_with_its_entry(clock: Any, connect_as: Connect) -> None:
    commitment = insert("2026-01-01T10", clock).hex()
    clock.shift(HOUR)
    app, uid = connect_as("csoc_app"), uuid7()
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("DELETE FROM audit_detail")
    entry = {"verb": "detail.erase", "uid": str(uid), "erased": [commitment]}
    for bad, error in (
        (entry | {"verb": "alert.note"}, errors.InsufficientPrivilege),
        (entry | {"uid": str(uuid7())}, errors.InsufficientPrivilege),
        (entry | {"erased": []}, errors.SerializationFailure),
        (entry | {"erased": [commitment, "ab" * 32]}, errors.SerializationFailure),
    ):
        with pytest.raises(error):
            app.execute("SELECT audit_erase(%s, %s)", [uid, json.dumps(bad)])
    assert standing() == {commitment} and inbox(connect_as) == []


def test_in_production_the_database_looks_at_its_own_clock(
    clock: Any, connect_as: Connect, settings: Any
) -> None:
    from importlib import import_module

    from audit import checks

    text = import_module("audit.migrations.0007_erasure").CLOCK
    assert "'infinity'" in text
    real = text.replace("'infinity'::timestamptz", "clock_timestamp()").replace("CREATE", "CREATE OR REPLACE")
    without_guards(connect_as).execute(real)
    note(clock)
    clock.shift(48 * HOUR)
    assert erasure.erase_due(clock.now()) == (0, 0), "not due by the database's clock: the next run"
    [commitment], uid = standing(), uuid7()
    entry = {"verb": "detail.erase", "uid": str(uid), "erased": [commitment]}
    with pytest.raises(errors.InsufficientPrivilege, match="its time is not over"):
        connect_as("csoc_app").execute("SELECT audit_erase(%s, %s)", [uid, json.dumps(entry)])
    assert len(standing()) == 1
    settings.IS_DEMO = False
    assert checks.movable_clock(None, databases=["default"]) == []
    without_guards(connect_as).execute(text.replace("CREATE", "CREATE OR REPLACE"))
    assert [fault.id for fault in checks.movable_clock(None, databases=["default"])] == ["audit.E002"]


def test_the_watchdog_sees_detail_that_stayed(clock: Any) -> None:
    from vault import selectors

    note(clock)
    epoch = selectors.oldest_epoch()
    assert epoch is not None and selectors.oldest_row() == epoch
    keystore.destroy(epoch)
    assert selectors.overdue(epoch + timedelta(hours=47, minutes=30))


@pytest.mark.parametrize(
    "value",
    [1.5, {"x": float("nan")}, {"x": 2**53}, {"é": 1}, {1: 2}, object(), "x" * 70_000, "\ud800", [b"x"]],
)
def test_a_value_that_two_programs_could_write_differently_is_refused(value: Any) -> None:
    with pytest.raises(audit.BadEntry):
        detail.commit_to(value, "detail")
