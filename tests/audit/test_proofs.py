"""Proofs over a real database: what is proven, signed, waiting or broken, and the file to take away."""

import base64
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from audit import checkpoints, nodes, notes, proofs, tree
from audit.models import Entry
from audit.nodes import NodeMissing
from audit.notes import Checkpoint
from tests.audit.test_notes import LOG_KEY, LOG_VKEY, ORIGIN, OTHER_KEY, WITNESS_VKEY, cosign

Connect = Callable[[str], psycopg.Connection[Any]]


class Log:
    """A small log written as the sequencer writes one, with keys of the test's own."""

    def __init__(self, connect: Connect, witnesses: Path) -> None:
        self.sequencer, self.publisher = connect("csoc_sequencer"), connect("csoc_publisher")
        self.frontier = tree.Frontier()
        self.roots: dict[int, bytes] = {}
        self.witnesses = witnesses
        self.sequencer.execute(
            "INSERT INTO audit_log_key (generation, n, vkey, from_size) VALUES (1, 1, %s, 0)", [LOG_VKEY.text]
        )

    def grow(self, count: int) -> None:
        for _ in range(count):
            idx = self.frontier.size
            entry = {
                "actor": {"id": "u-1", "kind": "person"},
                "object": {"agency": "", "id": str(idx), "type": "alert"},
            }
            line = _line(entry, idx)
            leaf = tree.leaf_hash(line)
            self.sequencer.execute(
                "INSERT INTO audit_log (idx, uid, line, leaf) VALUES (%s, %s, %s, %s)",
                [idx, uuid4(), line, leaf],
            )
            for row in self.frontier.append(leaf):
                self.sequencer.execute("INSERT INTO audit_node (level, n, hash) VALUES (%s, %s, %s)", row)
        self.roots[self.frontier.size] = self.frontier.root()

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(ORIGIN, self.frontier.size, self.frontier.root())

    def sign(self, key: Any = LOG_KEY) -> None:
        made = self.checkpoint()
        self.sequencer.execute(
            "INSERT INTO audit_checkpoint (size, root, note) VALUES (%s, %s, %s)",
            [made.size, made.root, notes.note(made, [notes.sign(made, ORIGIN, key)])],
        )

    def cosign(self, line: str | None = None, name: str = WITNESS_VKEY.name) -> None:
        self.publisher.execute(
            "INSERT INTO audit_cosignature (size, witness, line) VALUES (%s, %s, %s)",
            [self.frontier.size, name, line or cosign(self.checkpoint())],
        )


def _line(entry: dict[str, Any], idx: int) -> str:
    from audit.entry import canonical

    full = {"outcome": {"result": "allowed"}, "uid": "u", "v": 1, "verb": "alert.view", **entry}
    pa = idx - 1 if idx else None
    return canonical(
        {
            "e": full,
            "i": idx,
            "na": idx + 1,
            "no": 1,
            "pa": pa,
            "po": None,
            "t": "2026-11-21T22:04:05.123456Z",
        }
    )


@pytest.fixture
def log(own_database: str, connect_as: Connect, tmp_path: Path, settings: Any) -> Log:
    settings.AUDIT_WITNESSES = tmp_path / "witnesses.txt"
    settings.AUDIT_WITNESSES.write_text(f"{WITNESS_VKEY.text} http://127.0.0.1:1/w/ # Partner agency\n")
    return Log(connect_as, settings.AUDIT_WITNESSES)


def test_the_stored_tree_is_the_tree(log: Log, connect_as: Connect) -> None:
    sizes = [1, 2, 9, 64, 70, 131]
    for size in sizes:
        log.grow(size - log.frontier.size)
    read = nodes.reader(connect_as("csoc_app"))
    for size in sizes:
        assert tree.root(read, size) == log.roots[size]
    for old in sizes:
        proof = tree.consistency_proof(read, old, 131)
        assert tree.verify_consistency(old, 131, log.roots[old], log.roots[131], proof)
    assert read([]) == []
    with pytest.raises(NodeMissing, match="line 131"):
        read([(0, 131)])
    with pytest.raises(NodeMissing, match="node 65 of level 1"):
        read([(0, 3), (1, 64), (1, 65)])


def test_a_line_waits_is_signed_and_is_proven(log: Log) -> None:
    log.grow(5)
    assert proofs.of_entry(3).state == "waiting"
    with pytest.raises(LookupError, match="waiting"):
        proofs.tlog_proof(3)
    log.sign()
    signed = proofs.of_entry(3)
    assert (signed.state, signed.witnesses) == ("signed", [])
    assert signed.checkpoint is not None and signed.checkpoint.size == 5
    log.cosign()
    proven = proofs.of_entry(3)
    assert proven.state == "proven"
    assert [found.vkey for found in proven.witnesses] == [WITNESS_VKEY]
    log.grow(3)
    log.sign()
    log.grow(1)
    states = proofs.of_entries(Entry.objects.all())
    assert states == {idx: "proven" for idx in range(5)} | {
        5: "signed",
        6: "signed",
        7: "signed",
        8: "waiting",
    }
    assert {idx: proofs.of_entry(idx).state for idx in states} == states


def test_a_page_of_rows_reads_its_nodes_once(log: Log, django_assert_max_num_queries: Any) -> None:
    log.grow(200)
    log.sign()
    log.cosign()
    rows = list(Entry.objects.order_by("-idx")[:50])
    with django_assert_max_num_queries(10) as captured:
        assert set(proofs.of_entries(rows).values()) == {"proven"}
    assert len([query for query in captured if "audit_node" in query["sql"]]) == 1


def test_the_file_holds_what_an_outsider_needs(log: Log) -> None:
    log.grow(6)
    log.sign()
    log.cosign()
    row = Entry.objects.get(idx=4)
    text = proofs.tlog_proof(4)
    head, _blank, note = text.partition("\n\n")
    version, extra, index, *hashes = head.split("\n")
    assert version == "c2sp.org/tlog-proof@v1"
    assert base64.b64decode(extra.removeprefix("extra ")).decode() == row.line
    assert index == "index 4"
    opened = notes.open_note(note, [LOG_VKEY, WITNESS_VKEY], strict=True)
    assert [key for key, _at, _line in opened.cosignatures] == [WITNESS_VKEY]
    proof = [base64.b64decode(value) for value in hashes]
    assert tree.verify_inclusion(tree.leaf_hash(row.line), 4, 6, proof, opened.checkpoint.root)


@pytest.mark.parametrize("broken", [4, 5])
def test_a_changed_line_is_broken_and_so_is_one_whose_proof_stands_on_it(
    log: Log, intruder: psycopg.Connection[Any], broken: int
) -> None:
    log.grow(6)
    log.sign()
    log.cosign()
    if broken == 4:
        intruder.execute("UPDATE audit_log SET line = replace(line, 'u-1', 'u-2') WHERE idx = 4")
    else:
        intruder.execute("UPDATE audit_log SET leaf = sha256('x') WHERE idx = 4")
    states = proofs.of_entries(Entry.objects.all())
    assert {idx for idx, state in states.items() if state == "broken"} == {broken}
    assert proofs.of_entry(broken).state == "broken"
    with pytest.raises(LookupError, match="broken"):
        proofs.tlog_proof(broken)


def test_a_missing_node_breaks_what_needs_it(log: Log, intruder: psycopg.Connection[Any]) -> None:
    log.grow(6)
    log.sign()
    intruder.execute("DELETE FROM audit_node WHERE level = 1 AND n = 1")
    states = proofs.of_entries(Entry.objects.all())
    assert states == {0: "broken", 1: "broken", 2: "signed", 3: "signed", 4: "signed", 5: "signed"} | {
        idx: proofs.of_entry(idx).state for idx in (0, 1)
    }


def test_a_checkpoint_that_the_log_did_not_sign_proves_nothing(log: Log) -> None:
    log.grow(2)
    log.sign(OTHER_KEY)
    assert proofs.of_entry(0).state == "broken"
    assert proofs.of_entries(Entry.objects.all()) == {0: "broken", 1: "broken"}


def test_a_root_that_the_note_does_not_say_proves_nothing(
    log: Log, intruder: psycopg.Connection[Any]
) -> None:
    log.grow(2)
    log.sign()
    log.cosign()
    other = tree.node_hash(tree.leaf_hash("a"), tree.leaf_hash("b"))
    intruder.execute("UPDATE audit_checkpoint SET root = %s", [other])
    assert proofs.of_entry(0).state == "broken"


def test_only_a_listed_witness_that_really_signed_makes_it_proven(log: Log) -> None:
    log.grow(2)
    log.sign()
    log.cosign(cosign(Checkpoint(ORIGIN, 3, log.frontier.root())))
    log.cosign("words, and no signature", "somebody")
    assert proofs.of_entry(0).state == "signed"
    assert checkpoints.newest_witnessed() is None
    log.grow(1)
    log.sign()
    log.cosign()
    assert proofs.of_entry(0).state == "proven"
    log.witnesses.write_text("# nobody any more\n")
    assert proofs.of_entry(0).state == "signed"


def test_checkpoints_are_found_by_what_they_cover(log: Log) -> None:
    assert checkpoints.newest() is None and checkpoints.covering(0) is None
    assert checkpoints.cosignatures(7) == []
    for size in (3, 5, 9):
        log.grow(size - log.frontier.size)
        log.sign()
        if size == 5:
            log.cosign()
    sizes = {idx: found.size if (found := checkpoints.covering(idx)) else None for idx in (0, 2, 3, 8, 9)}
    assert sizes == {0: 3, 2: 3, 3: 5, 8: 9, 9: None}
    newest, witnessed = checkpoints.newest(), checkpoints.newest_witnessed()
    assert newest and witnessed and (newest.size, witnessed.size) == (9, 5)
    assert checkpoints.newest_witnessed(above=5) is None
    assert checkpoints.log_vkeys() == [LOG_VKEY]
    note = checkpoints.note_with_cosignatures(5)
    assert note == witnessed.note + cosign(Checkpoint(ORIGIN, 5, log.roots[5])) + "\n"
    with pytest.raises(LookupError, match="4 lines"):
        checkpoints.note_with_cosignatures(4)


def test_the_list_of_witnesses_says_which_line_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "witnesses.txt"
    path.write_text(
        "# who may cosign\n\n"
        f"{WITNESS_VKEY.text} https://w.invalid/log/   # The commissioner\n"
        f"{WITNESS_VKEY.text}\n"
        "not a key\n"
        f"{LOG_VKEY.text}\n"
        f"{WITNESS_VKEY.text} ftp://w.invalid\n"
        f"{WITNESS_VKEY.text} http://a http://b\n"
    )
    found, faults = checkpoints.read_witnesses(path)
    assert [(one.name, one.url, one.words) for one in found] == [
        (WITNESS_VKEY.name, "https://w.invalid/log", "The commissioner")
    ]
    assert [fault.split(":")[0] for fault in faults] == [f"witnesses.txt, line {n}" for n in (5, 6, 7, 8)]
    assert checkpoints.read_witnesses(tmp_path / "nothing") == ([], [])


def test_rows_of_any_kind_can_be_judged(log: Log) -> None:
    log.grow(1)
    log.sign()
    line = Entry.objects.get(idx=0).line
    assert proofs.of_entries([SimpleNamespace(idx=0, line=line)]) == {0: "signed"}
    assert proofs.of_entries([SimpleNamespace(idx=0, line=line + " ")]) == {0: "broken"}
    assert proofs.of_entries([]) == {}
