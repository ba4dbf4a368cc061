"""The list on the trailer: signed or not taken, sealed on disk, compared exactly, gone with its right."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.hotlist import BadList, PlateList
from agent.signing import public_bytes
from tests.agent.lists import Listed, listed

KEY = Ed25519PrivateKey.generate()
STOLEN = "stolen_vehicle"
FIRST = listed(
    7, ("e-1", "ZZABC12", "CA-ON", STOLEN), ("e-2", "ZZ8OI5", "CA-QC", STOLEN),
    ("e-3", "ZZUNK1", "unknown", "amber_alert"),
)  # fmt: skip


def plates(folder: Path) -> PlateList:
    return PlateList(folder, "TRL-0007", {"console:1": public_bytes(KEY)})


def now() -> datetime:
    return datetime.now(UTC)


def take(held: PlateList, version: Listed, before: Listed | None = None) -> None:
    held.take(iter(version.lines(KEY, before)), f'"{version.version}"')


@pytest.mark.parametrize(
    ("plate", "jurisdiction", "entry", "exact"),
    [
        ("ZZABC12", "CA-ON", "e-1", True), ("zz-abc 12", "CA-ON", "e-1", True),
        ("ZZA8C12", "CA-ON", "e-1", False), ("22ABCI2", "CA-ON", "e-1", False),
        ("ZZABC12", "unknown", "e-1", False), ("ZZUNK1", "CA-ON", "e-3", False),
        ("ZZBQL5", "CA-QC", "e-2", False), ("ZZ8OI5", "CA-QC", "e-2", True),
    ],
)  # fmt: skip
def test_the_same_and_what_looks_the_same(
    tmp_path: Path, plate: str, jurisdiction: str, entry: str, exact: bool
) -> None:
    held = plates(tmp_path)
    take(held, FIRST)
    found = held.match(plate, jurisdiction, now())
    assert found is not None and (found.entry_id, found.exact, found.version) == (entry, exact, 7)


@pytest.mark.parametrize(
    ("plate", "jurisdiction"),
    [("ZZABC13", "CA-ON"), ("ZZABC1", "CA-ON"), ("ZZABC12", "CA-QC"), ("", "CA-ON"), ("ZZABD12", "CA-ON")],
)
def test_a_read_that_hits_nothing_leaves_nothing(
    tmp_path: Path, plate: str, jurisdiction: str, caplog: Any
) -> None:
    held = plates(tmp_path)
    take(held, FIRST)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with caplog.at_level(logging.DEBUG):
        assert held.match(plate, jurisdiction, now()) is None
    assert not caplog.records and {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_difference_comes_to_the_same_as_the_whole_list(tmp_path: Path) -> None:
    second = listed(9, FIRST.entries[0], ("e-4", "ZZNEW01", "CA-ON", "wanted_vehicle"))
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = plates(tmp_path / "one"), plates(tmp_path / "two")
    take(one, FIRST)
    take(one, second, FIRST)
    take(two, second)
    for held in (one, two):
        assert held.version == 9 and len(held) == 2
        assert held.match("ZZ8OI5", "CA-QC", now()) is None
        assert held.match("ZZNEW01", "CA-ON", now()) is not None


def changed(lines: list[str], at: int, **values: Any) -> list[str]:
    told = json.loads(lines[at]) | values
    return [*lines[:at], json.dumps(told), *lines[at + 1 :]]


def test_what_the_console_did_not_sign_is_not_taken(tmp_path: Path) -> None:
    held, whole = plates(tmp_path), FIRST.lines(KEY)
    stranger = FIRST.lines(Ed25519PrivateKey.generate())
    later = listed(8, FIRST.entries[0])
    hostile = {
        "another key": stranger, "a key nobody named": changed(whole, 0, kid="console:9"),
        "another plate": changed(whole, 1, k="ZZABC19"), "one less": whole[:-1],
        "one more": [*whole, whole[-1].replace("e-3", "e-9")], "a later version": changed(whole, 0, to=8),
        "another end": changed(whole, 0, valid_to="2099-01-01T00:00:00.000Z"),
        "no head": whole[1:], "nothing": [], "no lines": ["x"], "half a line": [*whole[:-1], whole[-1][:20]],
        "a difference from nothing": later.lines(KEY, FIRST),
    }  # fmt: skip
    for what, lines in hostile.items():
        with pytest.raises(BadList):
            held.take(iter(lines), None)
        assert held.version is None, what
    take(held, later)
    with pytest.raises(BadList, match="older"):
        take(held, FIRST)
    assert held.version == 8


def test_it_is_sealed_on_disk_taken_up_again_and_gone_with_its_key(tmp_path: Path) -> None:
    held = plates(tmp_path)
    take(held, FIRST)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"ZZABC12" not in kept and b"mto-on" not in kept
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())
    again = plates(tmp_path)
    again.load()
    assert again.version == 7 and again.etag == '"7"' and again.match("ZZABC12", "CA-ON", now()) is not None
    sealed = tmp_path / "hotlist.sealed"
    sealed.write_bytes(sealed.read_bytes()[:-1] + b"x")
    broken = plates(tmp_path)
    broken.load()
    assert broken.version is None
    again.forget()
    assert again.match("ZZABC12", "CA-ON", now()) is None and not list(tmp_path.iterdir())


def test_an_old_list_is_compared_with_no_more_and_one_that_is_over_is_dropped(tmp_path: Path) -> None:
    held = plates(tmp_path)
    take(held, FIRST)
    assert held.match("ZZABC12", "CA-ON", now() + timedelta(hours=23)) is not None
    assert not held.over(now()) and held.over(now() + timedelta(hours=25))
    old = Listed(8, FIRST.entries, now() - timedelta(hours=48, minutes=1), now() + timedelta(days=9))
    take(held, old)
    assert held.match("ZZABC12", "CA-ON", now()) is None
