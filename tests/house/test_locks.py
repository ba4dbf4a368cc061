"""The locks name packages and hashes, never where they came from."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ADDRESS = re.compile(
    r"--(extra-)?index-url|--find-links|--trusted-host|@ (https?|file):|https?://|file:/|\"resolved\""
)


def test_the_three_locks_are_here() -> None:
    assert [path.name for path in LOCKS] == ["base.txt", "dev.txt", "embedded.txt"]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_package_is_pinned_with_a_hash_and_nothing_else(path: Path) -> None:
    text = path.read_text()
    assert not ADDRESS.search(text)
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text))
    packages = [entry for entry in entries if entry.strip()]
    assert packages
    for entry in packages:
        assert re.match(
            r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;]+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n?)+\s*$",
            entry,
        ), entry


def test_the_same_package_has_one_version_in_all_locks() -> None:
    versions: dict[str, set[str]] = {}
    for path in LOCKS:
        for name, version in re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", path.read_text()):
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_the_front_end_lock_has_digests_and_no_addresses() -> None:
    text = (ROOT / "frontend" / "package-lock.json").read_text()
    assert not re.search(r'"resolved"', text)
    packages = json.loads(text)["packages"]
    assert all("integrity" in entry for name, entry in packages.items() if name)


def test_every_wanted_platform_package_is_locked() -> None:
    """npm leaves out what its registry lacks, and then refuses its own lock: this has happened."""
    packages = json.loads((ROOT / "frontend" / "package-lock.json").read_text())["packages"]
    wanted = {name for entry in packages.values() for name in entry.get("optionalDependencies", {})}
    assert wanted
    assert {name for name in wanted if f"node_modules/{name}" not in packages} == set()
