"""The head file: whole or not at all, and never lost from sight."""

import os
from pathlib import Path
from typing import Any

import pytest

from audit.halt import Halt
from audit.head import Head


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    head = Head(tmp_path / "disk" / "head")
    assert head.read() is None
    for note in ("first\n", "second, longer\n", "—\n"):
        head.write(note)
        assert head.read() == Head(head.folder).read() == note
    assert [path.name for path in head.folder.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    head = Head(tmp_path)
    head.write("old\n")

    def crash(*args: Any) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(os if call == "fsync" else Path, call, crash)
        with pytest.raises(Halt) as halt:
            head.write("new\n")
    assert halt.value.code == "head-unwritable" and "the disk is gone" in str(halt.value)
    assert head.read() == "old\n"
    head.write("newer\n")
    assert head.read() == "newer\n"


def test_the_note_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        steps.append("fsync folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "fsync file")
        fsync(handle)

    def renamed(path: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    Head(tmp_path).write("note\n")
    assert steps == ["fsync file", "rename", "fsync folder"]


def test_a_head_that_cannot_be_read_is_not_a_missing_one(tmp_path: Path) -> None:
    head = Head(tmp_path)
    head.path.write_bytes(b"\xff\xfe")
    with pytest.raises(Halt) as halt:
        head.read()
    assert halt.value.code == "head-unreadable"
    head.path.unlink()
    head.path.mkdir()
    with pytest.raises(Halt):
        head.read()


def test_a_refused_head_stays_as_evidence(tmp_path: Path) -> None:
    head = Head(tmp_path)
    assert head.set_aside() is None
    kept = []
    for note in ("one\n", "two\n"):
        head.write(note)
        aside = head.set_aside()
        assert aside is not None and head.read() is None
        kept.append(aside.read_text())
    assert kept == ["one\n", "two\n"]
