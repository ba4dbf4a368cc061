"""Two implementations that share no code: the console's (`audit/`) against the stand-alone tools.

A third, ``logmaker``, is RFC 6962 word by word and slow.
"""

import hashlib
import random

import pytest

from audit import notes, tiles, tree
from tests.audit_tools.logmaker import COSIGNATURE, Key, body, consistency, inclusion, leaf, note, root
from tools import verify_audit, witness

SMALL = 40


def _reader(leaves: list[bytes]) -> tree.Read:
    """Full nodes by coordinate, as the console reads them from its tables."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([tree.node_hash(below[2 * n], below[2 * n + 1]) for n in range(len(below) // 2)])
    return lambda wanted: [levels[level][n] for level, n in wanted]


def _leaves(count: int, seed: int = 1) -> list[bytes]:
    rng = random.Random(seed)
    return [tree.leaf_hash(f"{rng.random()}") for _ in range(count)]


def test_leaves_and_nodes_are_the_same() -> None:
    assert tree.leaf_hash("é{}") == leaf("é{}") == hashlib.sha256(b"\0" + "é{}".encode()).digest()
    left, right = _leaves(2)
    assert tree.node_hash(left, right) == verify_audit.node(left, right) == witness._node(left, right)


def test_published_roots() -> None:
    """The empty tree, and the eight leaves with which certificate transparency tests its trees."""
    inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    leaves = [hashlib.sha256(b"\0" + bytes.fromhex(one)).digest() for one in inputs]
    roots = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    for size, expected in roots.items():
        assert root(leaves[:size]).hex() == tree.root(_reader(leaves), size).hex() == expected
        assert verify_audit.tree_root(size, lambda level, n: b"".join(leaves)).hex() == expected


def test_all_pairs_of_inclusion() -> None:
    leaves = _leaves(SMALL)
    read = _reader(leaves)
    for size in range(1, SMALL + 1):
        for index in range(size):
            proof = tree.inclusion_proof(read, index, size)
            assert proof == inclusion(index, leaves[:size])
            top = root(leaves[:size])
            assert verify_audit.inclusion_root(leaves[index], index, size, proof) == top
            assert tree.verify_inclusion(leaves[index], index, size, proof, top)
            for place in (index - size, index + size, index + 64):
                assert verify_audit.inclusion_root(leaves[index], place, size, proof) != top
            for wrong in (proof[:-1], [*proof, proof[0]] if proof else [leaves[0]], proof[::-1]):
                if wrong != proof:
                    mine = verify_audit.inclusion_root(leaves[index], index, size, wrong) == top
                    assert not mine
                    assert not tree.verify_inclusion(leaves[index], index, size, wrong, top)


def test_all_pairs_of_consistency() -> None:
    leaves = _leaves(SMALL)
    read = _reader(leaves)
    roots = [root(leaves[:size]) for size in range(SMALL + 1)]
    for new in range(1, SMALL + 1):
        for old in range(1, new + 1):
            proof = tree.consistency_proof(read, old, new)
            assert proof == consistency(old, leaves[:new])
            assert witness.consistent(old, new, roots[old], roots[new], proof)
            assert tree.verify_consistency(old, new, roots[old], roots[new], proof)
            forged = [*proof[:-1], leaves[0]] if proof else [leaves[0]]
            for tried in (forged, proof[1:], [*proof, leaves[1]]):
                if tried != proof:
                    assert not witness.consistent(old, new, roots[old], roots[new], tried)
                    assert not tree.verify_consistency(old, new, roots[old], roots[new], tried)
            if old < new:
                assert not witness.consistent(old, new, roots[old - 1], roots[new], proof)


@pytest.mark.parametrize("seed", range(4))
def test_random_trees(seed: int) -> None:
    rng = random.Random(seed)
    leaves = _leaves(rng.randrange(300, 3000), seed)
    read = _reader(leaves)
    for _ in range(20):
        new = rng.randrange(2, len(leaves) + 1)
        old, index = rng.randrange(1, new), rng.randrange(new)
        first, top = tree.root(read, old), tree.root(read, new)
        assert top == root(leaves[:new])
        assert witness.consistent(old, new, first, top, tree.consistency_proof(read, old, new))
        proof = tree.inclusion_proof(read, index, new)
        assert verify_audit.inclusion_root(leaves[index], index, new, proof) == top


@pytest.mark.parametrize(
    "size", [1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000, 16_777_216 + 300]
)
def test_the_same_tiles_are_wanted(size: int) -> None:
    rng = random.Random(size)
    indexes = [rng.randrange(size) for _ in range(12)]
    roots = [rng.randrange(1, size + 1) for _ in range(3)]
    asked = [(0, i >> 8) for i in indexes] + [one[:2] for s in (size, *roots) for one in verify_audit.edge(s)]
    theirs = tiles.tiles_for(indexes, size, roots)
    assert list(verify_audit.climb(size, asked).values()) == [tile.path for tile in theirs]


@pytest.mark.parametrize("size", [1, 200, 256, 300, 1000, 70_000])
def test_the_tiles_give_the_root(size: int) -> None:
    leaves = _leaves(size)
    read = _reader(leaves)
    by_place = {
        (tile.level, tile.n): tiles.hashes(read, tile) for tile in tiles.tiles_for(range(0, size, 97), size)
    }
    assert verify_audit.tree_root(size, lambda level, n: by_place[level, n]) == tree.root(read, size)
    assert all(
        verify_audit.perfect(data) == by_place[level + 1, n >> 8][32 * (n & 255) :][:32]
        for (level, n), data in by_place.items()
        if len(data) == 8192
    )


def test_paths_of_tiles() -> None:
    size = 1234067 * 256 + 256
    assert verify_audit.tile_path(size, 0, 1234067) == "tile/0/x001/x234/067"
    assert verify_audit.tile_path(70_000, 0, 273) == "tile/0/273.p/112"
    assert verify_audit.tile_path(70_000, 2, 0) == "tile/2/000.p/1"
    assert verify_audit.tile_path(size, 0, 1000) == "tile/0/x001/000"


@pytest.mark.parametrize("name", ["log.example/audit", "é.example/ü", "a" * 80])
def test_keys_and_notes_are_read_alike(name: str) -> None:
    log, cosigner = Key(name), Key("witness.example/w", COSIGNATURE)
    for key in (log, cosigner):
        theirs = notes.VerifierKey.parse(key.vkey)
        mine = verify_audit.parse_key(key.vkey)
        assert (mine.name, mine.algorithm, mine.id, mine.text) == (
            theirs.name,
            theirs.algorithm,
            theirs.key_id,
            theirs.text,
        )
    assert witness.parse_vkey(log.vkey) == (log.name, log.id, log.public)
    text = note(body(name, 7, root(_leaves(7))), log, cosigner, at=1_795_000_000)
    opened = notes.open_note(
        text, [notes.VerifierKey.parse(one.vkey) for one in (log, cosigner)], strict=True
    )
    mine = verify_audit.open_note(
        text.encode(), [verify_audit.parse_key(one.vkey) for one in (log, cosigner)], "it", True
    )
    assert (mine.origin, mine.size, mine.root) == (
        opened.checkpoint.origin,
        opened.checkpoint.size,
        opened.checkpoint.root,
    )
    assert list(mine.signed.values()) == [0, opened.cosignatures[0][1]] == [0, 1_795_000_000]
    read = witness.Note(text)
    assert (read.origin, read.size, read.root) == (mine.origin, mine.size, mine.root)


def test_bad_notes_are_refused_by_all_three() -> None:
    """Each is one change away from a good note."""
    log, cosigner = Key("log.example/audit"), Key("witness.example/w", COSIGNATURE)
    good = note(body(log.name, 7, root(_leaves(7))), log, cosigner, at=1_795_000_000)
    line = good.split("\n")[4]
    changed = {
        "no gap": good.replace("\n\n", "\n"),
        "no end": good[:-1],
        "extension": good.replace("\n\n", "\nmore\n\n", 1),
        "leading zero": good.replace("\n7\n", "\n07\n"),
        "sign": good.replace("\n7\n", "\n+7\n"),
        "hyphen": good.replace("—", "-", 1),
        "two spaces": good.replace("— log", "—  log"),
        "control": good.replace("\n7\n", "\n7\r\n"),
        "padding": good.replace("=\n\n", "\n\n"),
        "short": good.replace(line, line[:40]),
        "empty": "",
        "text only": good.partition("\n\n")[0] + "\n",
        "root too short": good.replace(good.split("\n")[2], "AAAA"),
    }
    keys = [notes.VerifierKey.parse(one.vkey) for one in (log, cosigner)]
    mine = [verify_audit.parse_key(one.vkey) for one in (log, cosigner)]
    assert notes.open_note(good, keys, strict=True)
    for words, text in changed.items():
        assert text != good, words
        with pytest.raises(ValueError):
            notes.open_note(text, keys, strict=True)
        with pytest.raises(verify_audit.Problem) as problem:
            verify_audit.open_note(text.encode(), mine, "it", True)
        assert problem.value.args[0] in (11, 22), words
        if words != "short":  # a witness need not read what it will not verify
            with pytest.raises(witness.Refusal) as refusal:
                witness.Note(text)
            assert refusal.value.status == 22, words


def test_a_proof_text_of_the_console_is_read_by_the_verifier(tmp_path: object) -> None:
    log, lines = Key("log.example/audit"), [f'{{"n":{n}}}' for n in range(9)]
    leaves = [leaf(one) for one in lines]
    signed = note(body(log.name, 9, root(leaves)), log)
    text = notes.proof_text(index=4, proof=inclusion(4, leaves), note=signed, extra=lines[4].encode())
    head, _, rest = text.partition("\n\n")
    assert head.split("\n")[0] == "c2sp.org/tlog-proof@v1"
    assert rest == signed
    assert verify_audit.unbase64(head.split("\n")[1].removeprefix("extra ")) == lines[4].encode()
