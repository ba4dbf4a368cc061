"""Retention classes: none without a legal authority, and every fault of a schedule at once (H10)."""

import json
from pathlib import Path
from typing import Any

import pytest

from csoc import env
from csoc.lib import schedule
from vault import classes

GOOD = {
    "key": "consent-record",
    "label": "Owner's consent",
    "purpose": "Who consented to what",
    "authority": "By-law 12, schedule B, line 4",
    "days": 730,
}


def written(tmp_path: Path, *rows: Any) -> Path:
    """A schedule in a file."""
    path = tmp_path / "schedule.json"
    path.write_text(json.dumps({"classes": list(rows)}), "utf-8")
    return path


@pytest.fixture
def own(tmp_path: Path, settings: Any) -> Any:
    """``own(row, …)`` makes this the service's schedule, in production or not."""

    def use(*rows: Any, production: bool = True) -> None:
        settings.RETENTION_SCHEDULE, settings.IS_DEMO = written(tmp_path, *rows), not production
        classes._own.cache_clear()

    yield use
    classes._own.cache_clear()


def test_the_shipped_classes_are_marked_and_work_in_a_demonstration_only(settings: Any) -> None:
    assert [found.key for found in classes.classes()] == ["deployment-record", "consent-record", "transitory"]
    for found in classes.classes():
        assert found.example and "Example" in str(found.authority) and found.days > 0
        assert classes.usable(found.key)
    settings.IS_DEMO = False
    assert not any(classes.usable(found.key) for found in classes.classes())


def test_a_class_without_a_legal_authority_cannot_be_used(own: Any) -> None:
    own(GOOD, GOOD | {"key": "no-law", "authority": ""}, GOOD | {"key": "sample", "example": True})
    assert [classes.usable(key) for key in ("consent-record", "no-law", "sample", "unheard-of")] == [
        True, False, False, False,
    ]  # fmt: skip


def test_without_an_authority_not_even_in_a_demonstration(own: Any) -> None:
    own(GOOD | {"authority": " "}, production=False)
    assert not classes.usable("consent-record")


def test_every_fault_of_a_schedule_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(
        tmp_path, GOOD, GOOD, "x", GOOD | {"key": "Upper"}, GOOD | {"key": "aa", "days": 0},
        GOOD | {"key": "bb", "days": True}, GOOD | {"key": "cc", "label": "two\nlines"},
        GOOD | {"key": "dd", "colour": 1}, {"key": "ee"}, GOOD | {"key": "ff", "example": "yes"},
    )  # fmt: skip
    monkeypatch.setenv("CSOC_RETENTION_SCHEDULE", str(path))
    with pytest.raises(SystemExit) as stopped:
        env.load()
    said = str(stopped.value)
    for fault in (
        "consent-record stands twice", "class 3 is not an object", "class 4: key must", "aa: days",
        "bb: days", "cc: label", "dd: unknown member", "ee: label", "ee: purpose", "ee: authority",
        "ee: days", "ff: example",
    ):  # fmt: skip
        assert fault in said, fault


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"classes":[]}', '{"classes":{}}', '{"classes":[1],"x":1}', "[" * 100_000, "\x00"],
)
def test_what_is_no_schedule_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = tmp_path / "schedule.json"
    path.write_text(text)
    monkeypatch.setenv("CSOC_RETENTION_SCHEDULE", str(path))
    with pytest.raises(SystemExit, match="CSOC_RETENTION_SCHEDULE"):
        env.load()


def test_a_missing_or_huge_file_is_told(tmp_path: Path) -> None:
    assert "cannot be read" in schedule.read(tmp_path / "none.json")[1][0]
    huge = tmp_path / "huge.json"
    huge.write_bytes(b" " * (schedule.MAX_BYTES + 1))
    assert "larger than" in schedule.read(huge)[1][0]


@pytest.mark.parametrize("where", ["keys/epoch", "keys/epoch/record", "keys", "."])
def test_the_two_key_stores_never_lie_in_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setenv("CSOC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CSOC_RECORD_KEYS_DIR", str(tmp_path / where))
    with pytest.raises(SystemExit, match="CSOC_RECORD_KEYS_DIR"):
        env.load()


def test_a_link_into_the_other_store_is_no_way_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys" / "epoch").mkdir(parents=True)
    (tmp_path / "elsewhere").symlink_to(tmp_path / "keys" / "epoch")
    monkeypatch.setenv("CSOC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CSOC_RECORD_KEYS_DIR", str(tmp_path / "elsewhere"))
    with pytest.raises(SystemExit, match="CSOC_RECORD_KEYS_DIR"):
        env.load()
    monkeypatch.setenv("CSOC_RECORD_KEYS_DIR", str(tmp_path / "own"))
    assert env.load().record_keys_folder == tmp_path / "own"
    monkeypatch.delenv("CSOC_RECORD_KEYS_DIR")
    assert env.load().record_keys_folder == tmp_path / "keys" / "record"
