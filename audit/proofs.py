"""Proves lines to be in the signed tree: the state beside each row, and the file a person takes away."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from django.db import connections

from audit import checkpoints, nodes, notes, tree
from audit.checkpoints import Cosignature, Stored
from audit.models import Entry
from audit.nodes import NodeMissing
from audit.notes import VerifierKey
from audit.tree import Coordinate

#: proven: under a checkpoint that a witness cosigned. signed: under one of the log's own. waiting: not yet
#: under any. broken: the line, the tree or the signature is not what was signed.
State = Literal["proven", "signed", "waiting", "broken"]


class Line(Protocol):
    """What is proven: a row of the log."""

    idx: int
    line: str


@dataclass(frozen=True, slots=True)
class Proven:
    """One line's proof: ``hashes`` lead from its leaf to the root of ``checkpoint``, lowest first."""

    state: State
    checkpoint: Stored | None = None
    hashes: list[bytes] = field(default_factory=list)
    witnesses: list[Cosignature] = field(default_factory=list)


def of_entry(idx: int) -> Proven:
    """Return the proof of line ``idx``, under the newest witnessed checkpoint if that covers it.

    Errors: Entry.DoesNotExist.
    """
    row = Entry.objects.only("idx", "line").get(idx=idx)
    standing = _Standing.now()
    stored = standing.for_index(idx)
    if stored is None:
        return Proven("waiting")
    try:
        hashes = tree.inclusion_proof(nodes.reader(connections["default"]), idx, stored.size)
    except NodeMissing:
        return Proven("broken", stored)
    state = standing.judge(row, stored, hashes)
    return Proven(state, stored, hashes, standing.cosignatures if state == "proven" else [])


def of_entries(rows: Iterable[Line]) -> dict[int, State]:
    """Return the state of each row, all their nodes read in one query."""
    standing = _Standing.now()
    wanted = [(row, standing.for_index(row.idx)) for row in rows]
    covered = [(row, stored) for row, stored in wanted if stored is not None]
    states: dict[int, State] = {row.idx: "waiting" for row, stored in wanted if stored is None}
    known = _nodes_of((row.idx, stored.size) for row, stored in covered)
    for row, stored in covered:
        try:
            hashes = tree.inclusion_proof(nodes.among(known), row.idx, stored.size)
        except NodeMissing:
            states[row.idx] = "broken"
        else:
            states[row.idx] = standing.judge(row, stored, hashes)
    return states


def tlog_proof(idx: int) -> str:
    """Return the ``.tlog-proof`` of line ``idx``: what anybody can check with two public keys.

    Errors: Entry.DoesNotExist; LookupError while the line waits for a checkpoint, or when it is broken.
    """
    proven = of_entry(idx)
    if proven.checkpoint is None or proven.state == "broken":
        raise LookupError(f"line {idx} has no proof: it is {proven.state}")
    row = Entry.objects.only("line").get(idx=idx)
    return notes.proof_text(
        index=idx,
        proof=proven.hashes,
        note=proven.checkpoint.note + "".join(f"{found.line}\n" for found in proven.witnesses),
        extra=row.line.encode(),
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    """The newest checkpoints there are, widest trust first, and those whose notes are what the log signed."""

    witnessed: Stored | None
    cosignatures: list[Cosignature]
    signed: Stored | None
    valid: list[Stored]

    @classmethod
    def now(cls) -> "_Standing":
        witnessed, cosigned = checkpoints.newest_cosigned() or (None, [])
        signed, keys = checkpoints.newest(), checkpoints.log_vkeys()
        valid = [stored for stored in (witnessed, signed) if stored and _is_signed(stored, keys)]
        return cls(witnessed, cosigned, signed, valid)

    def for_index(self, idx: int) -> Stored | None:
        for stored in (self.witnessed, self.signed):
            if stored and idx < stored.size:
                return stored
        return None

    def judge(self, row: Line, stored: Stored, hashes: list[bytes]) -> State:
        leaf = tree.leaf_hash(row.line)
        if stored not in self.valid or not tree.verify_inclusion(
            leaf, row.idx, stored.size, hashes, stored.root
        ):
            return "broken"
        return "proven" if stored == self.witnessed else "signed"


def _is_signed(stored: Stored, keys: list[VerifierKey]) -> bool:
    """True when the log's signature is on the note, and the note says what the row says."""
    try:
        opened = notes.open_note(stored.note, keys).checkpoint
    except (notes.BadNote, notes.MissingKey, notes.WrongKey):
        return False
    return (opened.size, opened.root) == (stored.size, stored.root)


def _nodes_of(proofs: Iterable[tuple[int, int]]) -> dict[Coordinate, bytes]:
    """Return every node that the proofs of (index, size) need, in one query; absent ones are left out."""
    needed: set[Coordinate] = set()

    def note_down(wanted: list[Coordinate]) -> list[bytes]:
        needed.update(wanted)
        return [tree.EMPTY_ROOT] * len(wanted)

    for idx, size in proofs:
        tree.inclusion_proof(note_down, idx, size)
    return nodes.present(connections["default"], needed)
