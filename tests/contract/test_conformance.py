"""The conformance suite at our own console, and its checklist: no line of the contract without a test."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent.signing import b64url, public_bytes, unb64url
from tests.contract.conformance import CHECKS, Entry, Kit, Listed
from tests.contract.place import ROOT, Place

CHECKLIST = Path(__file__).with_name("checklist.md")
_ROW = re.compile(r"\| (?P<id>[a-z]\.[a-z0-9-]+) \| (?P<says>[^|]+) \|(?P<tests>[^|]*)\|")
LISTED = Listed("mto-on", 1, "e-1000", "ZZDEM01", "CA-ON")


def named_keys() -> dict[str, bytes]:
    """The console's keys, as an enrolment names them."""
    from trailers import consolekey

    return {key["kid"]: unb64url(key["public_key"]) for key in consolekey.public_keys()}


@pytest.fixture
def kit(place: Place) -> Kit:
    """The suite's own view of the standing console: an address, a key, a deployment, a listed plate."""
    made = Kit(
        place.url,
        place.device.signer,
        place.scene.deployment.name,
        LISTED,
        seq=2_000_000 + place.count() * 1000,
        console_keys=named_keys(),
    )
    yield made
    made.close()


@pytest.mark.parametrize("entry", CHECKS, ids=lambda entry: entry.name)
def test_our_console_conforms(kit: Kit, entry: Entry) -> None:
    entry.run(kit)


def rows() -> dict[str, list[str]]:
    """Each line of the checklist: its id, and the tests of our own console that it names."""
    found: dict[str, list[str]] = {}
    for line in CHECKLIST.read_text("utf-8").splitlines():
        if not line.startswith("| ") or line.startswith(("| line", "| ---")):
            continue
        row = _ROW.fullmatch(line)
        assert row is not None, f"not a row: {line}"
        assert row["id"] not in found, f"{row['id']} stands twice"
        found[row["id"]] = re.findall(r"`([^`]+)`", row["tests"])
    return found


def test_no_line_is_without_a_test() -> None:
    """Each line is held by a check that runs anywhere, by a test of our own console, or by both."""
    lines = rows()
    assert len(lines) > 60
    checked = {line for entry in CHECKS for line in entry.lines}
    assert checked - set(lines) == set(), "a check names a line that is not on the list"
    assert [line for line, tests in lines.items() if line not in checked and not tests] == []


def test_every_test_on_the_list_exists() -> None:
    """``path::name``, below ``tests/``."""
    trees: dict[str, set[str]] = {}
    for line, named in rows().items():
        for test in named:
            path, _, name = test.partition("::")
            if path not in trees:
                tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
                trees[path] = {
                    node.name
                    for node in ast.walk(tree)
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                }
            assert name in trees[path], f"{line}: there is no {test}"


def from_outside(place: Place, folder: Path, *words: str) -> tuple[int, str]:
    """Run the command as an integrator does; its exit code and all it said."""
    key = folder / "key.pem"
    key.write_bytes(place.device.signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    command = [
        sys.executable, "-m", "tests.contract.conformance", "--url", place.url, "--key", str(key),
        "--deployment", place.scene.deployment.name, *words,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_command_holds_a_console_to_it_from_outside(place: Place, tmp_path: Path) -> None:
    """As an integrator runs it: right and wrong, by exit code and words."""
    words = ("--only", "state.", "--keyid")
    code, said = from_outside(place, tmp_path, *words, place.device.signer.keyid)
    assert (code, "2 of 2 checks hold" in said) == (0, True), said
    code, said = from_outside(place, tmp_path, *words, "TRL-9998:1")
    assert (code, "2 failed" in said) == (1, True), said


def test_the_command_checks_the_lists_signature_by_the_keys_it_is_given(place: Place, tmp_path: Path) -> None:
    [(kid, key)] = named_keys().items()
    listed = ":".join(str(part) for part in astuple(LISTED))
    words = ("--only", "hotlist.", "--keyid", place.device.signer.keyid, "--listed", listed)
    code, said = from_outside(place, tmp_path, *words)
    assert (code, "5 of 6 checks hold, 0 failed, 1 left out" in said) == (0, True), said
    code, said = from_outside(place, tmp_path, *words, "--console-key", f"{kid}:{b64url(key)}")
    assert (code, "6 of 6 checks hold" in said) == (0, True), said
    another = b64url(public_bytes(Ed25519PrivateKey.generate()))
    code, said = from_outside(place, tmp_path, *words, "--console-key", f"{kid}:{another}")
    assert (code, "5 of 6 checks hold, 1 failed" in said) == (1, True), said
    code, said = from_outside(place, tmp_path, *words, "--console-key", "console:1:short")
    assert code == 2 and "--console-key" in said, said
