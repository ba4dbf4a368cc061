"""Introducing the demonstration's witness: once, again and again, and without touching what people wrote."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import notes
from audit.checkpoints import read_witnesses
from csoc.demo_witness import DemoWitness, WitnessFailed, vkeys_in

ORIGIN = "csoc-demo.invalid/audit"
LOG = notes.vkey_of(ORIGIN, Ed25519PrivateKey.generate().public_key()).text
OTHER = notes.vkey_of("w.invalid/other", Ed25519PrivateKey.generate().public_key(), notes.WITNESS).text


def test_it_keeps_its_key_and_its_list_over_restarts_on_other_ports(tmp_path: Path) -> None:
    folder, path = tmp_path / "witness", tmp_path / "witnesses.txt"
    first = DemoWitness(folder, 4001)
    first.prepare([LOG])
    first.enlist(path)
    with path.open("a") as file:
        file.write(f"{OTHER} https://w.invalid # The commissioner\n")
    again = DemoWitness(folder, 4002)
    again.prepare([LOG])
    again.enlist(path)
    again.enlist(path)
    assert again.vkey == first.vkey
    listed, faults = read_witnesses(path)
    assert faults == []
    assert {(one.vkey.text, one.url) for one in listed} == {
        (first.vkey, "http://127.0.0.1:4002"),
        (OTHER, "https://w.invalid"),
    }
    assert (folder / "trusted.txt").read_text() == f"{ORIGIN} {LOG}\n"
    assert path.read_text().splitlines()[0].startswith("#")


def test_a_new_folder_is_a_new_witness_and_the_old_one_leaves_the_list(tmp_path: Path) -> None:
    path = tmp_path / "witnesses.txt"
    vkeys = []
    for folder in ("one", "two"):
        witness = DemoWitness(tmp_path / folder, 4001)
        witness.prepare([LOG])
        witness.enlist(path)
        vkeys.append(witness.vkey)
    assert [one.vkey.text for one in read_witnesses(path)[0]] == vkeys[1:]


def test_what_the_witness_says_last_is_passed_on(tmp_path: Path) -> None:
    witness = DemoWitness(tmp_path / "witness", 4001)
    with pytest.raises(WitnessFailed, match="trust` failed"):
        witness.prepare(["not+00000000+akey"])


def test_its_environment_holds_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSOC_DATABASE_URL", "postgresql://csoc_app@db/csoc")
    assert set(DemoWitness(tmp_path, 1).environment()) == {"PATH", "LANG"}


def test_verifier_keys_are_found_in_words() -> None:
    assert vkeys_in(f"This witness: {OTHER}\nLog {ORIGIN}: trusted key {LOG}, again {LOG}\n") == [OTHER, LOG]
    assert vkeys_in("no key+here at+all") == []
