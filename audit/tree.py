"""The RFC 6962 tree over the log's lines: roots, inclusion and consistency proofs. Pure functions.

A full node (level, n) is the root over leaves n * 2^level to (n + 1) * 2^level - 1; level 0 is a leaf
hash. Full nodes never change, so they can be stored once; what is ragged at the right edge is computed.
Each proof says which full nodes it needs and reads them all in one call.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

Coordinate = tuple[int, int]
#: Gives the hashes of full nodes, in the order asked for; a missing one is the reader's error.
Read = Callable[[list[Coordinate]], list[bytes]]

HASH_BYTES = 32
#: The root over no leaves at all.
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(line: str) -> bytes:
    """Return the hash of one line, without its line feed (RFC 6962 2.1)."""
    return sha256(b"\x00" + line.encode()).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node. Its prefix differs from a leaf's, so neither passes for the other."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The tree as far as appending needs it: its size and the roots of its peaks, largest first.

    Errors: ValueError when the peaks cannot be those of a tree of that size.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if size < 0 or len(self.peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(self.peaks)}")

    @classmethod
    def of(cls, read: Read, size: int) -> "Frontier":
        """Return the frontier of a stored tree, cut at ``size``."""
        return cls(size, read(peaks_of(size)))

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash; return the full nodes it completed as (level >= 1, n, hash), lowest first."""
        completed = []
        level, n, value = 0, self.size, leaf
        while n & 1:
            value = node_hash(self.peaks.pop(), value)
            level, n = level + 1, n >> 1
            completed.append((level, n, value))
        self.peaks.append(value)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Return the root over everything appended so far."""
        return _fold(self.peaks)


def peaks_of(size: int) -> list[Coordinate]:
    """Return the full nodes that cover leaves 0 to size - 1, left to right: the largest possible each."""
    return _cover(0, size)


def root(read: Read, size: int) -> bytes:
    """Return the root over the first ``size`` leaves."""
    return _fold(read(peaks_of(size)))


def inclusion_proof(read: Read, index: int, size: int) -> list[bytes]:
    """Return the hashes that lead from leaf ``index`` to the root at ``size``, lowest first (RFC 6962 2.1.1).

    Errors: ValueError unless 0 <= index < size.
    """
    return _roots(read, [sibling for _left, sibling in _inclusion_steps(index, size)])


def consistency_proof(read: Read, old: int, new: int) -> list[bytes]:
    """Return the hashes that show the tree of ``new`` leaves to begin with the ``old`` ones (RFC 6962 2.1.2).

    Empty when there is nothing to show: old = 0 or old = new. Errors: ValueError unless 0 <= old <= new.
    """
    if old in (0, new) and old <= new:
        return []
    own, steps = _consistency_steps(old, new)
    return _roots(read, ([own] if own else []) + [sibling for _left, sibling in steps])


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that ``proof`` leads to. Errors: ValueError for a proof of another shape."""
    steps = _inclusion_steps(index, size)
    if len(proof) != len(steps) or not _are_hashes([leaf, *proof]):
        raise ValueError(f"leaf {index} of {size} has a proof of {len(steps)} hashes")
    value = leaf
    for (left, _sibling), other in zip(steps, proof, strict=True):
        value = node_hash(other, value) if left else node_hash(value, other)
    return value


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """True when ``proof`` shows ``leaf`` to be number ``index`` of the ``size`` leaves under ``root``."""
    try:
        return root_from_inclusion(leaf, index, size, proof) == root
    except ValueError:
        return False


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """True when ``proof`` shows the ``old`` leaves to be the first of the ``new`` ones, unchanged."""
    if not 0 <= old <= new or not _are_hashes([old_root, new_root, *proof]):
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old == new:
        return not proof and old_root == new_root
    own, steps = _consistency_steps(old, new)
    if len(proof) != len(steps) + bool(own):
        return False
    # Where the old tree is one full subtree of the new one, its root is what both begin with.
    before = after = proof[0] if own else old_root
    for (left, _sibling), other in zip(steps, proof[bool(own) :], strict=True):
        if left:
            before = node_hash(other, before)
        after = node_hash(other, after) if left else node_hash(after, other)
    return before == old_root and after == new_root


#: Leaves start to end - 1 of a subtree that the RFC's splitting makes.
_Range = tuple[int, int]
#: One level of a proof: is the sibling on the left, and what it covers.
_Step = tuple[bool, _Range]


def _split(start: int, end: int) -> int:
    """Return where RFC 6962 splits: the largest power of two below the number of leaves, from start."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _inclusion_steps(index: int, size: int) -> list[_Step]:
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    steps: list[_Step] = []
    start, end = 0, size
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            steps.append((False, (middle, end)))
            end = middle
        else:
            steps.append((True, (start, middle)))
            start = middle
    return steps[::-1]


def _consistency_steps(old: int, new: int) -> tuple[_Range | None, list[_Step]]:
    """Return what the proof begins with (None: the old root itself, known already) and its levels upwards."""
    if not 0 < old < new:
        raise ValueError(f"a tree of {old} leaves is not the beginning of one of {new}")
    steps: list[_Step] = []
    start, end = 0, new
    while end != old:
        middle = _split(start, end)
        if old <= middle:
            steps.append((False, (middle, end)))
            end = middle
        else:
            steps.append((True, (start, middle)))
            start = middle
    return ((start, end) if start else None), steps[::-1]


def _cover(start: int, end: int) -> list[Coordinate]:
    """Return the full nodes of one range, left to right. Its start is a multiple of its largest node."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def _roots(read: Read, ranges: list[_Range]) -> list[bytes]:
    """Return the root over each range, reading all their nodes in one call."""
    covers = [_cover(start, end) for start, end in ranges]
    found = iter(read([node for cover in covers for node in cover]))
    return [_fold([next(found) for _node in cover]) for cover in covers]


def _fold(peaks: Sequence[bytes]) -> bytes:
    """Return the root over neighbouring peaks, largest first: the smallest are joined first."""
    if not peaks:
        return EMPTY_ROOT
    value = peaks[-1]
    for peak in reversed(peaks[:-1]):
        value = node_hash(peak, value)
    return value


def _are_hashes(values: Iterable[bytes]) -> bool:
    return all(isinstance(value, bytes) and len(value) == HASH_BYTES for value in values)
