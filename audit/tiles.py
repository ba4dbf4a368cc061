"""Hash tiles (C2SP tlog-tiles): the tree in pieces of 256 hashes, as an export carries it. Pure functions.

Tile ``n`` of level L holds the roots over 256^L leaves each, from number n * 256 on. A full one is one
hash of the level above; a narrower one is at the right edge and has no parent.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from audit.tree import Read, peaks_of

WIDTH = 256
#: How many levels of the tree one tile spans.
HEIGHT = 8
#: Tiles read at once: 16,384 hashes.
READ_AT_ONCE = 64


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One tile: its level, its number within the level, and how many hashes it holds (1 to 256)."""

    level: int
    n: int
    width: int

    @property
    def path(self) -> str:
        """Return its name: ``tile/0/x001/x234/067``, or with ``.p/<width>`` when it is not full."""
        parts = [f"{self.n % 1000:03d}"]
        rest = self.n // 1000
        while rest:
            parts.append(f"x{rest % 1000:03d}")
            rest //= 1000
        name = f"tile/{self.level}/{'/'.join(reversed(parts))}"
        return name if self.width == WIDTH else f"{name}.p/{self.width}"


def tiles_for(indexes: Iterable[int], size: int, roots_at: Iterable[int] = ()) -> list[Tile]:
    """Return what proves the lines ``indexes`` to be under the root at ``size``, by level and number.

    That is each line's tile and the right edge, and for every size in ``roots_at`` what its root is made
    of; each with its parents to the top, so that no hash stands unproven. Errors: ValueError for an index
    or a size that the tree does not have.
    """
    wanted: set[Tile] = set()
    for index in indexes:
        _climb(wanted, 0, index, size)
    for end in (size, *roots_at):
        if not 0 <= end <= size:
            raise ValueError(f"a tree of {size} leaves was never one of {end}")
        for level, n in peaks_of(end):
            _climb(wanted, level // HEIGHT, n << level % HEIGHT, size)
    return sorted(wanted)


def hashes(read: Read, tile: Tile) -> bytes:
    """Return the tile's content: its hashes (32 bytes each), one after another."""
    return b"".join(read(_nodes(tile)))


def each(read: Read, tiles: Sequence[Tile]) -> Iterator[tuple[Tile, bytes]]:
    """Yield every tile with its content, reading many at once."""
    for start in range(0, len(tiles), READ_AT_ONCE):
        some = tiles[start : start + READ_AT_ONCE]
        found = iter(read([node for tile in some for node in _nodes(tile)]))
        for tile in some:
            yield tile, b"".join(next(found) for _ in range(tile.width))


def _climb(wanted: set[Tile], level: int, n: int, size: int) -> None:
    """Add the tile that holds hash ``n`` of a tile level, and those above it, up to the right edge."""
    while True:
        tile = Tile(level, n // WIDTH, min(WIDTH, (size >> HEIGHT * level) - n // WIDTH * WIDTH))
        if not 0 <= n < size >> HEIGHT * level:
            raise ValueError(f"a tree of {size} leaves has no hash {n} at tile level {level}")
        if tile in wanted:
            return
        wanted.add(tile)
        if tile.width < WIDTH:
            return
        level, n = level + 1, tile.n


def _nodes(tile: Tile) -> list[tuple[int, int]]:
    first = tile.n * WIDTH
    return [(tile.level * HEIGHT, n) for n in range(first, first + tile.width)]
