"""Tiles: the specification's own numbers, and that they prove every line and root they were taken for."""

import pytest

from audit import tiles, tree
from audit.tiles import Tile


def paths(found: list[Tile]) -> list[str]:
    return [tile.path for tile in found]


def test_the_specifications_paths() -> None:
    assert Tile(0, 1234067, 256).path == "tile/0/x001/x234/067"
    assert Tile(0, 273, 112).path == "tile/0/273.p/112"
    assert Tile(1, 0, 256).path == "tile/1/000"
    assert Tile(5, 1000, 1).path == "tile/5/x001/000.p/1"


def test_the_specifications_trees() -> None:
    whole = tiles.tiles_for(range(70_000), 70_000)
    assert len([tile for tile in whole if tile.level == 0 and tile.width == 256]) == 273
    assert paths(whole)[-4:] == ["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert paths(tiles.tiles_for(range(256), 256)) == ["tile/0/000", "tile/1/000.p/1"]


def test_nothing_else_is_taken() -> None:
    assert paths(tiles.tiles_for([], 70_000)) == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert paths(tiles.tiles_for([0, 255, 700], 70_000)) == [
        "tile/0/000",
        "tile/0/002",
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert tiles.tiles_for([], 0) == []


def test_an_older_root_brings_what_it_is_made_of() -> None:
    # 300 lines then: one full tile's hash, and 44 leaves of a tile that has filled up since.
    found = tiles.tiles_for([], 70_000, roots_at=[300])
    assert paths(found) == [
        "tile/0/001",
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]


@pytest.mark.parametrize(
    ("indexes", "size", "roots"), [([5], 5, []), ([-1], 5, []), ([0], 5, [6]), ([0], 5, [-1])]
)
def test_what_the_tree_does_not_have_is_refused(indexes: list[int], size: int, roots: list[int]) -> None:
    with pytest.raises(ValueError, match="a tree of 5 leaves"):
        tiles.tiles_for(indexes, size, roots)


LEAVES = [tree.leaf_hash(str(number)) for number in range(66_000)]


@pytest.fixture(scope="module")
def nodes() -> dict[tuple[int, int], bytes]:
    made = {(0, number): leaf for number, leaf in enumerate(LEAVES)}
    frontier = tree.Frontier()
    for leaf in LEAVES:
        made.update({(level, n): value for level, n, value in frontier.append(leaf)})
    return made


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000])
def test_from_the_tiles_alone_every_proof_can_be_made(nodes: dict[tuple[int, int], bytes], size: int) -> None:
    def read(wanted: list[tuple[int, int]]) -> list[bytes]:
        return [nodes[node] for node in wanted]

    indexes = sorted({0, size // 3, size // 2, max(0, size - 257), size - 1})
    older = sorted({1, size // 2, max(1, size - 1)} - {0})
    taken = tiles.tiles_for(indexes, size, older)
    content = dict(tiles.each(read, taken))
    assert content == {tile: tiles.hashes(read, tile) for tile in taken}
    assert all(len(content[tile]) == 32 * tile.width for tile in taken)

    known: dict[tuple[int, int], bytes] = {}
    for tile, data in content.items():
        _spread(known, tile, data)

    def from_tiles(wanted: list[tuple[int, int]]) -> list[bytes]:
        return [known[node] for node in wanted]

    root = tree.root(from_tiles, size)
    assert root == tree.root(read, size)
    for index in indexes:
        proof = tree.inclusion_proof(from_tiles, index, size)
        assert tree.verify_inclusion(LEAVES[index], index, size, proof, root)
    for old in older:
        assert tree.root(from_tiles, old) == tree.root(read, old)
    # Every full tile's own root stands in its parent, so no tile is taken on faith.
    assert all(tile.width < 256 or (8 * (tile.level + 1), tile.n) in known for tile in taken)
    for tile in taken:
        if tile.width == 256:
            assert _spread({}, tile, content[tile]) == known[8 * (tile.level + 1), tile.n]


def _spread(known: dict[tuple[int, int], bytes], tile: Tile, data: bytes) -> bytes:
    """Put a tile's hashes and what follows from them into ``known``; return the topmost one."""
    frontier = tree.Frontier()
    first = tile.n * 256
    for number in range(tile.width):
        value = data[32 * number : 32 * number + 32]
        known[8 * tile.level, first + number] = value
        for level, n, node in frontier.append(value):
            known[8 * tile.level + level, (first >> level) + n] = node
    return frontier.peaks[0]
