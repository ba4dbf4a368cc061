"""Sealing under hourly keys: what opens, what never opens again, and what is left on the disk."""

import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vault
from csoc.lib import sealing
from vault import keystore
from vault.epochs import epoch_of, is_past, newest_due

NOON = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, settings: Any) -> Path:
    """Keys of this test only."""
    settings.DATA_DIR = tmp_path
    return tmp_path / "keys" / "epoch"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``now(moment)`` sets the console's clock."""
    from csoc.lib import clock

    moment = [NOON]
    monkeypatch.setattr(clock, "now", lambda: moment[0])

    def move(to: datetime) -> None:
        moment[0] = to

    return move


def test_what_is_sealed_opens_with_its_context_only(now: Any) -> None:
    epoch, sealed = vault.seal(b"ABCD123", NOON, b"detail:1")
    assert epoch == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert b"ABCD123" not in sealed
    assert vault.open(epoch, sealed, b"detail:1") == b"ABCD123"
    for changed in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:20], b"", b"\x02" + sealed[1:]):
        with pytest.raises(sealing.SealBroken):
            vault.open(epoch, changed, b"detail:1")
    with pytest.raises(sealing.SealBroken):
        vault.open(epoch, sealed, b"detail:2")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=2_000), st.binary(max_size=60))
def test_any_bytes_come_back_as_they_were(plaintext: bytes, aad: bytes) -> None:
    from csoc.lib import clock

    epoch, sealed = vault.seal(plaintext, clock.now(), aad)
    assert vault.open(epoch, memoryview(sealed), aad) == plaintext  # type: ignore[arg-type]


def test_an_act_reads_a_key_once_and_the_next_act_anew(now: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    really = keystore._read

    def counted(path: Path) -> bytes:
        read.append(path)
        return really(path)

    monkeypatch.setattr(keystore, "_read", counted)
    vault.seal(b"x", NOON, b"")
    read.clear()
    act = vault.Sealer(NOON)
    opened = [vault.open(*act.seal(b"%d" % n, NOON, b"a"), b"a") for n in range(5)]
    assert opened == [b"0", b"1", b"2", b"3", b"4"]
    assert len(read) == 1 + 5, "one for the act, one for each opening"
    keystore.destroy(epoch_of(NOON))
    now(NOON + timedelta(hours=47))
    with pytest.raises(vault.EpochGone):
        vault.Sealer(NOON + timedelta(hours=47)).seal(b"x", NOON, b"")


def test_the_same_text_never_seals_alike(now: Any) -> None:
    assert vault.seal(b"x", NOON, b"")[1] != vault.seal(b"x", NOON, b"")[1]


def test_one_key_an_hour_that_only_we_may_read(now: Any, own_keys: Path) -> None:
    for minute in range(0, 60, 7):
        vault.seal(b"x", NOON.replace(minute=minute), b"")
    vault.seal(b"x", NOON - timedelta(hours=1), b"")
    assert [path.name for path in sorted(own_keys.iterdir())] == ["2026-11-21T11.key", "2026-11-21T12.key"]
    assert stat.S_IMODE(own_keys.stat().st_mode) == 0o700
    for path in own_keys.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.stat().st_size == 32


def test_a_capture_in_the_future_counts_as_now(now: Any) -> None:
    epoch, _sealed = vault.seal(b"x", NOON + timedelta(days=1), b"")
    assert epoch == epoch_of(NOON)


def test_at_47_hours_nothing_opens_and_nothing_is_made_even_without_a_purge(now: Any, own_keys: Path) -> None:
    epoch, sealed = vault.seal(b"x", NOON, b"")
    now(epoch + timedelta(hours=47) - timedelta(microseconds=1))
    assert vault.open(epoch, sealed, b"") == b"x"
    now(epoch + timedelta(hours=47))
    with pytest.raises(vault.Gone):
        vault.open(epoch, sealed, b"")
    with pytest.raises(vault.EpochGone):
        vault.seal(b"late", NOON, b"")
    (own_keys / "2026-11-21T12.key").unlink()
    with pytest.raises(vault.EpochGone):
        vault.seal(b"late", NOON, b"")
    assert list(own_keys.iterdir()) == []


def test_a_destroyed_key_is_overwritten_before_it_goes(
    now: Any, own_keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch, sealed = vault.seal(b"x", NOON, b"")
    key = (own_keys / "2026-11-21T12.key").read_bytes()
    os.link(own_keys / "2026-11-21T12.key", own_keys / "copy")
    on_disk: list[bytes] = []
    truncate = os.ftruncate

    def look_then_truncate(handle: int, length: int) -> None:
        on_disk.append(os.pread(handle, 64, 0))
        truncate(handle, length)

    monkeypatch.setattr(os, "ftruncate", look_then_truncate)
    keystore.destroy(epoch)
    keystore.destroy(epoch)
    assert on_disk == [bytes(sealing.KEY_BYTES)], "the file is zeros before it is cut to nothing"
    assert (own_keys / "copy").read_bytes() == b"", "the very blocks of the file are gone, not a name"
    assert keystore.epochs() == [] and len(keystore.markers()) == 1
    assert not any(key in path.read_bytes() for path in own_keys.iterdir())
    with pytest.raises(vault.Gone):
        vault.open(epoch, sealed, b"")


@pytest.mark.parametrize("rest", [b"", bytes(32), b"half a key"])
def test_a_crash_while_destroying_leaves_no_key(now: Any, own_keys: Path, rest: bytes) -> None:
    epoch, sealed = vault.seal(b"x", NOON, b"")
    (own_keys / "2026-11-21T12.key").write_bytes(rest)
    with pytest.raises(vault.Gone):
        vault.open(epoch, sealed, b"")
    with pytest.raises(vault.EpochGone):
        vault.seal(b"x", NOON, b"")
    assert keystore.epochs() == [epoch], "the next run destroys it again"


def test_a_new_key_after_a_wrong_clock_opens_nothing_old(now: Any) -> None:
    epoch, sealed = vault.seal(b"x", NOON, b"")
    keystore.destroy(epoch)
    again, other = vault.seal(b"y", NOON, b"")
    assert (again, vault.open(again, other, b"")) == (epoch, b"y")
    with pytest.raises(sealing.SealBroken):
        vault.open(epoch, sealed, b"")


def test_twenty_at_once_agree_on_one_key(now: Any, own_keys: Path) -> None:
    barrier, results = threading.Barrier(20), list[bytes]()

    def take() -> None:
        barrier.wait()
        results.append(keystore.key_for_sealing(epoch_of(NOON), NOON))

    threads = [threading.Thread(target=take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 20 and len(set(results)) == 1
    assert [path.name for path in own_keys.iterdir()] == ["2026-11-21T12.key"]


def test_half_made_files_are_swept_and_a_living_key_is_not(now: Any, own_keys: Path) -> None:
    epoch, sealed = vault.seal(b"x", NOON, b"")
    orphan = own_keys / ".2026-11-21T11.key.123.abcd"
    orphan.write_bytes(b"k" * 32)
    second_name = own_keys / ".2026-11-21T12.key.123.ef01"
    os.link(own_keys / "2026-11-21T12.key", second_name)
    assert keystore.sweep_drafts() == 0, "another process may be about to use it"
    for path in (orphan, second_name):
        os.utime(path, (0, 0))
    assert keystore.sweep_drafts() == 2
    assert vault.open(epoch, sealed, b"") == b"x"


def test_strange_files_are_no_keys(now: Any, own_keys: Path) -> None:
    vault.seal(b"x", NOON, b"")
    for name in ("README", "x.key", "2026-13-99T12.key", "2026-11-21T12.key.bak"):
        (own_keys / name).write_bytes(b"")
    assert keystore.epochs() == [epoch_of(NOON)]


@given(st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_no_detail_outlives_48_hours_of_its_capture(captured: datetime) -> None:
    epoch = epoch_of(captured)
    assert is_past(epoch, captured + timedelta(hours=47))
    assert not is_past(epoch, captured + timedelta(hours=46))
    assert is_past(newest_due(captured), captured)
    assert not is_past(newest_due(captured) + timedelta(hours=1), captured)
