"""Exports of each kind, and what the outsider's program says of them; neither shares code with the other."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import psycopg
import pytest
import rfc8785

import audit
from audit.exports import archive, folder
from audit.models import Entry
from tests.audit.exports.desk import OFFICER, TRAILER, Desk, act

KINDS: dict[str, dict[str, Any]] = {
    "actor": {"kind": "actor", "subject": "u-1042"},
    "object": {"kind": "object", "subject": "trailer:TRL-0007"},
    "range": {"kind": "range", "first": 3, "last": 30},
    "question": {"kind": "question", "question": "verb:video.live.*"},
    "nothing": {"kind": "question", "question": "verb:video.live.* outcome:denied"},
}


def members(path: Path) -> dict[str, bytes]:
    """The zip's members, in their order."""
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
        return {info.filename: opened.read(info) for info in opened.infolist()}


def lines(raw: bytes) -> list[dict[str, Any]]:
    """The parsed lines of a member."""
    return [json.loads(line) for line in raw.splitlines()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_outsiders_program_accepts_each_kind(desk: Desk, kind: str) -> None:
    path = desk.export(**KINDS[kind])
    done = desk.verify(path)
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads(members(path)["manifest.json"])
    assert manifest["entries"] == {"actor": 3, "object": 3, "range": 28, "question": 3, "nothing": 0}[kind]


def test_the_manifest_is_canonical_and_its_digest_stands_in_the_log(desk: Desk) -> None:
    found = members(desk.export(**KINDS["actor"]))
    manifest = json.loads(found["manifest.json"])
    assert rfc8785.dumps(manifest) == found["manifest.json"]
    for name, told in manifest["files"].items():
        assert told == {"bytes": len(found[name]), "sha256": hashlib.sha256(found[name]).hexdigest()}, name
    [seal] = lines(found["seal.jsonl"])
    assert seal["e"]["digest"] == hashlib.sha256(found["manifest.json"]).hexdigest()
    assert Entry.objects.get(idx=seal["i"]).line.encode() + b"\n" == found["seal.jsonl"]
    told = seal["e"]
    assert told["verb"] == "audit.export" and told["outcome"] == {"n": 3, "result": "allowed"}
    assert told["reason"] == {"authority": "OPC-2026-114", "code": "complaint"}
    assert told["recipients"] == ["Office of Police Complaints, B. Li"]
    asked = Entry.objects.get(verb="approval.request")
    assert told["parent"] == str(asked.uid)


def test_members_stand_in_the_documented_order_and_nothing_else(desk: Desk) -> None:
    names = list(members(desk.export(**KINDS["actor"], details=True)))
    fixed = [
        "README.txt",
        "manifest.json",
        "lines.jsonl",
        "support.jsonl",
        "census.json",
        "details.jsonl",
        "keys.txt",
        "verify_audit.py",
        "seal.jsonl",
        "checkpoint.txt",
    ]
    assert names[: len(fixed)] == fixed
    assert all(name.startswith("tile/") for name in names[len(fixed) :])


def test_the_readme_gives_the_command_that_was_run_here(desk: Desk) -> None:
    text = members(desk.export(**KINDS["actor"]))["README.txt"].decode()
    command = next(line for line in text.splitlines() if "verify_audit.py" in line and "--log-key" in line)
    words = command.split()
    assert words[:2] == ["python3", "verify_audit.py"] and "--witness-key" in words
    assert desk.log.keys.vkey.text in text and desk.log.witness.text in text
    assert "Avery" not in text and "u-1042" in text and "OPC-2026-114" in text


def test_a_person_with_500_entries_of_which_one_is_removed(desk: Desk, tmp_path: Path) -> None:
    """The brief's own case: the verifier names the entry that is missing."""
    act(OFFICER, "video.live.extend", TRAILER, 497)
    desk.log.settle()
    path = desk.export(**KINDS["actor"])
    done = desk.verify(path)
    assert done.returncode == 0, done.stdout + done.stderr
    unpacked = tmp_path / "export"
    with zipfile.ZipFile(path) as opened:
        opened.extractall(unpacked)
    kept = (unpacked / "lines.jsonl").read_bytes().splitlines(keepends=True)
    assert len(kept) == 500
    gone = json.loads(kept.pop(250))["i"]
    (unpacked / "lines.jsonl").write_bytes(b"".join(kept))
    done = desk.verify(unpacked)
    assert done.returncode == 17, done.stdout
    assert str(gone) in done.stdout + done.stderr


def test_details_are_opened_and_an_erased_one_needs_its_line(desk: Desk, clock: Any) -> None:
    for number in range(3):
        act(OFFICER, "alert.note", TRAILER, detail={"note": f"words {number}"})
    captured = clock.now()
    with audit.acting_as(OFFICER):
        audit.commit("alert.note", TRAILER, detail={"plate": "ZZDEM01"}, captured_at=captured)
    desk.log.settle()
    built = desk.build(desk.approve(desk.ask(**KINDS["actor"], details=True)))
    assert built.state == "ready" and built.missing == 0
    path = folder.finished(built.name)
    found = members(path)
    values = [row["value"] for row in lines(found["details.jsonl"])]
    assert {"plate": "ZZDEM01"} in values and len(values) == 4
    commitments = [row["commitment"] for row in lines(found["details.jsonl"])]
    assert commitments == sorted(commitments)
    assert desk.verify(path).returncode == 0
    # The file may not outlive the hour of capture's key, although files live for seven days.
    assert (built.expires_at - captured).total_seconds() <= 48 * 3600

    from audit import erasure

    clock.shift(48 * 3600)
    with audit.acting_as(audit.system("purge")):
        rows, _keys = erasure.erase_due(clock.now())
    assert rows == 1
    clock.shift(0)
    desk.log.settle()
    path = desk.export(**KINDS["actor"], details=True)
    found = members(path)
    assert {"plate": "ZZDEM01"} not in [row["value"] for row in lines(found["details.jsonl"])]
    assert "detail.erase" in [row["e"]["verb"] for row in lines(found["support.jsonl"])]
    done = desk.verify(path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_detail_gone_without_its_line_is_told_by_console_and_verifier(
    desk: Desk, intruder: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from audit.exports import reading

    monkeypatch.setattr(reading, "ERASURE_WITHIN_S", 0.0)
    act(OFFICER, "alert.note", TRAILER, detail={"note": "words"})
    desk.log.settle()
    intruder.execute("DELETE FROM audit_detail WHERE class = 'justification'")
    built = desk.build(desk.approve(desk.ask(**KINDS["actor"], details=True)))
    assert (built.state, built.missing) == ("ready", 1)
    path = folder.finished(built.name)
    assert "1 detail" in members(path)["README.txt"].decode()
    assert desk.verify(path).returncode == 19


def test_an_export_also_proves_an_earlier_checkpoint(desk: Desk, tmp_path: Path) -> None:
    from audit import checkpoints

    seen = checkpoints.newest_witnessed()
    assert seen is not None
    note = tmp_path / "seen.txt"
    note.write_text(checkpoints.note_with_cosignatures(seen.size))
    act(OFFICER, "video.live.extend", TRAILER, 400)
    desk.log.settle()
    path = desk.export(kind="question", question="verb:video.live.open", also=seen.size)
    done = desk.verify(path, "--seen", str(note))
    assert done.returncode == 0, done.stdout + done.stderr


def test_whoever_holds_the_key_of_before_a_rotation_can_still_verify(desk: Desk) -> None:
    from audit.models import LogKey
    from audit.orders import Orders

    before = desk.log.keys.vkey.text
    desk.log.keys.prepare()
    Orders(desk.log.keys.folder).ask_rotation()
    deadline = time.monotonic() + 20
    while LogKey.objects.count() < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    act(OFFICER, "video.live.extend", TRAILER, 2)
    desk.log.settle()
    path = desk.export(**KINDS["actor"])
    found = members(path)
    assert "rotations/1.txt" in found and found["keys.txt"].decode().count("csoc-test.invalid/audit+") == 2
    assert "log.rotate" in [row["e"]["verb"] for row in lines(found["support.jsonl"])]
    assert desk.log.keys.vkey.text != before
    for key in (before, desk.log.keys.vkey.text):
        done = desk.verify(path, log_key=key)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_archive_stops_before_it_would_need_another_format(tmp_path: Path) -> None:
    with (tmp_path / "x.zip").open("w+b") as file:
        small = archive.Archive(file, max_bytes=400)
        small.add("README.txt", [b"x" * 200])
        with pytest.raises(archive.TooLarge):
            small.add("manifest.json", [b"x" * 200])


def test_the_same_members_give_the_same_bytes(tmp_path: Path) -> None:
    both = []
    for name in ("a", "b"):
        with (tmp_path / name).open("w+b") as file:
            written = archive.Archive(file)
            written.add("README.txt", [b"one", b"two"])
            written.add("tile/0/000.p/1", [bytes(32)])
            size = written.finish()
        both.append((tmp_path / name).read_bytes())
        assert len(both[-1]) == size
    assert both[0] == both[1]
    shutil.rmtree(tmp_path)
