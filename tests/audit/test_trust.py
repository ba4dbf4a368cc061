"""The drawing of a proof is the proof: each turn of the path is the side on which its hash is joined."""

from __future__ import annotations

from audit import presenting, tree, trust
from audit.tree import Coordinate


def test_every_turn_of_the_path_leads_to_the_root() -> None:
    for size in range(1, 70):
        leaves = [tree.leaf_hash(str(number)) for number in range(size)]
        known: dict[Coordinate, bytes] = {}
        frontier = tree.Frontier()
        for number, leaf in enumerate(leaves):
            known[0, number] = leaf
            known |= {(level, n): value for level, n, value in frontier.append(leaf)}

        def read(wanted: list[Coordinate], known: dict[Coordinate, bytes] = known) -> list[bytes]:
            return [known[one] for one in wanted]

        for index, value in enumerate(leaves):
            proof, turns = tree.inclusion_proof(read, index, size), trust.sides(index, size)
            assert len(turns) == len(proof)
            for ours_is_left, other in zip(turns, proof, strict=True):
                value = tree.node_hash(value, other) if ours_is_left else tree.node_hash(other, value)
            assert value == frontier.root()


def test_the_drawing_stays_inside_its_frame() -> None:
    for index, size in (
        (0, 1),
        (0, 1 << 40),
        ((1 << 40) - 1, 1 << 40),
        (0b101010101, 1_011_580),
        (999_981, 1_011_580),
    ):
        drawing = trust.draw(index, size, len(trust.sides(index, size)))
        assert len(drawing.path) == len(drawing.siblings) + 1
        for point in [*drawing.path, *drawing.siblings]:
            assert 0 <= point.x <= drawing.width and trust.ABOVE - 1 <= point.y <= drawing.height


def test_the_pieces_of_a_line_are_the_line() -> None:
    for line in (
        '{"e":{"a":"b\\"c:d","n":[1,true,null]},"i":7}',
        "junk",
        "",
        '{"t":"unfinished',
        '"é":\u202e',
    ):
        assert "".join(piece for piece, _value in presenting.line_parts(line)) == line
    assert ('"b\\"c:d"', True) in presenting.line_parts('{"e":{"a":"b\\"c:d"}}')
