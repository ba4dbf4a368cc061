"""The tree against the RFC's own recursive definition, every index and size, and published vectors."""

import hashlib
from functools import cache

import pytest

from audit import tree

#: Every size up to here, against every older one.
LARGEST = 130

# The tree that implementations of RFC 6962 share as a test: eight entries, and what comes of them.
ENTRIES = [
    bytes.fromhex(entry).decode()
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
A = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
B = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
C = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
D = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
E = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
F = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSION = {
    (0, 1): [],
    (0, 8): [A, B, C],
    (5, 8): [D, E, ROOTS[4]],
    (2, 3): [ROOTS[2]],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [A, B, C],
    (6, 8): [F, E, ROOTS[4]],
    (2, 5): [B, D],
}

LEAVES = [tree.leaf_hash(f"line {number}") for number in range(LARGEST)]


@cache
def mth(start: int, end: int) -> bytes:
    """RFC 6962 2.1, word for word."""
    if start == end:
        return hashlib.sha256(b"").digest()
    if end - start == 1:
        return LEAVES[start]
    k = _k(end - start)
    return hashlib.sha256(b"\x01" + mth(start, start + k) + mth(start + k, end)).digest()


def path(m: int, start: int, end: int) -> list[bytes]:
    """RFC 6962 2.1.1: PATH(m, D[start:end])."""
    if end - start == 1:
        return []
    k = _k(end - start)
    if m < k:
        return [*path(m, start, start + k), mth(start + k, end)]
    return [*path(m - k, start + k, end), mth(start, start + k)]


def subproof(m: int, start: int, end: int, whole: bool) -> list[bytes]:
    """RFC 6962 2.1.2: SUBPROOF(m, D[start:end], b)."""
    if m == end - start:
        return [] if whole else [mth(start, end)]
    k = _k(end - start)
    if m <= k:
        return [*subproof(m, start, start + k, whole), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, False), mth(start, start + k)]


def _k(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


class Stored:
    """Full nodes as a sequencer stores them; counts how often it is asked."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes = {(0, number): leaf for number, leaf in enumerate(leaves)}
        self.frontier = tree.Frontier()
        self.calls = 0
        for leaf in leaves:
            for level, n, value in self.frontier.append(leaf):
                assert (level, n) not in self.nodes
                self.nodes[level, n] = value

    def __call__(self, wanted: list[tuple[int, int]]) -> list[bytes]:
        self.calls += 1
        return [self.nodes[node] for node in wanted]


@pytest.fixture(scope="module")
def stored() -> Stored:
    return Stored(LEAVES)


def test_published_roots() -> None:
    frontier = tree.Frontier()
    assert frontier.root().hex() == ROOTS[0]
    for number, entry in enumerate(ENTRIES, 1):
        frontier.append(tree.leaf_hash(entry))
        assert frontier.root().hex() == ROOTS[number]
    assert tree.EMPTY_ROOT.hex() == ROOTS[0]


def test_published_proofs() -> None:
    eight = Stored([tree.leaf_hash(entry) for entry in ENTRIES])
    for (index, size), expected in INCLUSION.items():
        assert [value.hex() for value in tree.inclusion_proof(eight, index, size)] == expected
    for (old, new), expected in CONSISTENCY.items():
        assert [value.hex() for value in tree.consistency_proof(eight, old, new)] == expected


def test_a_leaf_is_hashed_as_utf8_bytes_behind_a_zero() -> None:
    line = '{"e":"Zoë"}'
    assert tree.leaf_hash(line) == hashlib.sha256(b"\x00" + line.encode()).digest()


def test_every_root(stored: Stored) -> None:
    frontier = tree.Frontier()
    for size in range(LARGEST + 1):
        assert frontier.root() == tree.root(stored, size) == mth(0, size)
        assert tree.Frontier.of(stored, size).peaks == frontier.peaks
        if size < LARGEST:
            frontier.append(LEAVES[size])


def test_every_full_node_is_the_root_over_its_leaves(stored: Stored) -> None:
    for (level, n), value in stored.nodes.items():
        assert value == mth(n << level, (n + 1) << level)
    # Each was reported once, when its last leaf came, and none is missing.
    full = {(level, n) for level in range(8) for n in range(LARGEST >> level)}
    assert set(stored.nodes) == full


def test_every_inclusion_proof(stored: Stored) -> None:
    for size in range(1, LARGEST + 1):
        root = mth(0, size)
        for index in range(size):
            proof = tree.inclusion_proof(stored, index, size)
            assert proof == path(index, 0, size)
            assert tree.verify_inclusion(LEAVES[index], index, size, proof, root)
            assert not tree.verify_inclusion(LEAVES[index - 1], index, size, proof, root) or size == 1


def test_every_consistency_proof(stored: Stored) -> None:
    for new in range(1, LARGEST + 1):
        for old in range(1, new + 1):
            proof = tree.consistency_proof(stored, old, new)
            assert proof == subproof(old, 0, new, True)
            assert tree.verify_consistency(old, new, mth(0, old), mth(0, new), proof)
            assert not tree.verify_consistency(old, new, LEAVES[1], mth(0, new), proof)
            assert not tree.verify_consistency(old, new, mth(0, old), LEAVES[1], proof)


def test_nothing_is_the_beginning_of_everything(stored: Stored) -> None:
    assert tree.consistency_proof(stored, 0, 70) == []
    assert tree.verify_consistency(0, 70, tree.EMPTY_ROOT, mth(0, 70), [])
    assert not tree.verify_consistency(0, 70, LEAVES[0], mth(0, 70), [])
    assert not tree.verify_consistency(0, 70, tree.EMPTY_ROOT, mth(0, 70), [LEAVES[0]])


def test_a_proof_with_one_bit_or_one_hash_wrong_is_refused(stored: Stored) -> None:
    for index, size in [(0, 2), (41, 100), (99, 100), (63, 64), (128, 129)]:
        proof, root = tree.inclusion_proof(stored, index, size), mth(0, size)
        for wrong in _damaged(proof):
            assert not tree.verify_inclusion(LEAVES[index], index, size, wrong, root)
    for old, new in [(1, 2), (41, 100), (99, 100), (64, 100), (65, 128)]:
        proof = tree.consistency_proof(stored, old, new)
        for wrong in _damaged(proof):
            assert not tree.verify_consistency(old, new, mth(0, old), mth(0, new), wrong)


def _damaged(proof: list[bytes]) -> list[list[bytes]]:
    """Each hash flipped, cut or missing, one too many, and the order turned round."""
    wrong = [[*proof, LEAVES[0]], proof[:-1], proof[1:], [*proof[:-1], proof[-1][:31]]]
    for number, value in enumerate(proof):
        flipped = bytes([value[0] ^ 1]) + value[1:]
        wrong.append([*proof[:number], flipped, *proof[number + 1 :]])
    if len(proof) > 1:
        wrong.append(proof[::-1])
    return wrong


def test_an_index_elsewhere_in_the_tree_is_refused(stored: Stored) -> None:
    proof = tree.inclusion_proof(stored, 41, 100)
    for index in range(-1, 102):
        assert tree.verify_inclusion(LEAVES[41], index, 100, proof, mth(0, 100)) == (index == 41)


def test_sizes_that_cannot_be_are_refused(stored: Stored) -> None:
    for index, size in [(-1, 5), (5, 5), (0, 0)]:
        with pytest.raises(ValueError):
            tree.inclusion_proof(stored, index, size)
    for old, new in [(-1, 5), (6, 5)]:
        with pytest.raises(ValueError):
            tree.consistency_proof(stored, old, new)
        assert not tree.verify_consistency(old, new, tree.EMPTY_ROOT, mth(0, 5), [])
    with pytest.raises(ValueError, match="3 peaks, not 1"):
        tree.Frontier(7, [LEAVES[0]])


def test_each_proof_reads_once(stored: Stored) -> None:
    before = stored.calls
    tree.inclusion_proof(stored, 77, 129)
    tree.consistency_proof(stored, 77, 129)
    tree.root(stored, 127)
    assert stored.calls == before + 3
