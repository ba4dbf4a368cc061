"""Why one line can be trusted: its proof in words and as a drawing of the real path, and the same proof
done again before the reader's eyes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import checkpoints, notes, proofs, tree
from audit.models import Entry
from audit.notes import BadNote, MissingKey, WrongKey
from audit.proofs import Proven

WIDTH, HEIGHT, MARGIN = 310, 146, 8
#: Room for the words above the root and below the line.
ABOVE, BELOW = 38, 22
#: The root's words begin at it and run to the right: they need this much.
WORDS = 200


class Point(NamedTuple):
    """A node of the drawing, in pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """The path from a line to the root: our own nodes, lowest first, and each step's sibling."""

    path: list[Point]
    siblings: list[Point]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def dot(self) -> float:
        """The radius of a node in between: small when there are many."""
        return 3.5 if len(self.path) < 10 else 2.5

    @property
    def words_x(self) -> float:
        """Where the words of the root begin."""
        return max(0.0, min(self.path[-1].x - 5, WIDTH - WORDS))

    @property
    def line_x(self) -> float:
        """Where the words of the line begin."""
        return max(0.0, min(self.path[0].x - 5, WIDTH - 50))

    @property
    def line_y(self) -> float:
        """The height of the words of the line."""
        return self.path[0].y + 17

    @property
    def trunk(self) -> str:
        """The SVG path through our own nodes."""
        return " ".join(_corner(a, b) for a, b in zip(self.path, self.path[1:], strict=False))

    @property
    def twigs(self) -> str:
        """The SVG path from each sibling to the node above both."""
        return " ".join(_corner(a, b) for a, b in zip(self.siblings, self.path[1:], strict=True))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was checked: whether it holds, and what was compared."""

    holds: bool
    sentence: str


def draw(index: int, size: int, hashes: int) -> Drawing:
    """Return the drawing of the proof of line ``index`` under a checkpoint of ``size`` lines."""
    turns = sides(index, size)[:hashes]
    x, places, siblings = 0.0, [(0.0, 0)], []
    for level, ours_is_left in enumerate(turns, 1):
        step = 1.0 if ours_is_left else -1.0
        x += step
        siblings.append((x + step, level - 1))
        places.append((x, level))
    fit = _fit([place for place, _level in [*places, *siblings]], max(1, len(turns)))
    return Drawing([fit(*place) for place in places], [fit(*place) for place in siblings])


def sides(index: int, size: int) -> list[bool]:
    """Return for each hash of the proof, lowest first, whether our own node is the left one (RFC 6962)."""
    found, node, last = [], index, size - 1
    while last:
        if node & 1:
            found.append(False)
        elif node == last:
            # A lone right edge: it is carried up unchanged until it is somebody's right child.
            while not node & 1:
                node, last = node >> 1, last >> 1
            found.append(False)
        else:
            found.append(True)
        node, last = node >> 1, last >> 1
    return found


def _fit(xs: list[float], levels: int) -> Callable[[float, int], Point]:
    """Return a function that puts (x, level) into the drawing."""
    low, high = min(xs), max(xs)
    across = min(40.0, (WIDTH - 2 * MARGIN) / max(1.0, high - low))
    up = (HEIGHT - ABOVE - BELOW) / levels
    return lambda x, level: Point(
        round(MARGIN + (x - low) * across, 1), round(HEIGHT - BELOW - level * up, 1)
    )


def _corner(child: Point, parent: Point) -> str:
    return f"M{child.x} {child.y}V{parent.y}H{parent.x}"


def in_words(proven: Proven) -> list[str]:
    """Return the proof as sentences: the checkpoint, who vouches for it, what the hashes stand for."""
    stored = proven.checkpoint
    if stored is None:
        return [
            _("It has its place in the log and waits for the next checkpoint, which comes within a second.")
        ]
    if proven.state == "broken":
        return [
            _("This line, or the tree above it, is not what was signed in checkpoint %(size)s.")
            % {"size": f"{stored.size:,}"},
            _("Change nothing, keep the database as it is, and tell administrator and witnesses now."),
        ]
    said = [_("checkpoint %(size)s") % {"size": f"{stored.size:,}"}]
    witnesses = len(proven.witnesses)
    if witnesses:
        said.append(_("signed by the log, cosigned by %(n)d") % {"n": witnesses})
    else:
        said.append(_("signed by the log, no witness yet"))
    said.append(
        ngettext(
            "%(n)d hash stands in for the other %(others)s lines",
            "%(n)d hashes stand in for the other %(others)s lines",
            len(proven.hashes),
        )
        % {"n": len(proven.hashes), "others": f"{stored.size - 1:,}"}
    )
    return said


def vouchers(proven: Proven) -> list[tuple[str, str]]:
    """Return who cosigned the checkpoint, in the words of the list of witnesses, and when."""
    zone = ZoneInfo(settings.LOCAL_TIME_ZONE)
    names = {witness.vkey: witness.words or witness.name for witness in checkpoints.witnesses()}
    return [
        (
            names.get(one.vkey, one.vkey.name),
            f"{datetime.fromtimestamp(one.at, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}",
        )
        for one in proven.witnesses
    ]


def again(row: Entry) -> list[Step]:
    """Read the line and its proof from the database and check every step, in the reader's presence."""
    leaf = tree.leaf_hash(row.line)
    steps = [
        Step(
            leaf == bytes(row.leaf),
            _("The line was hashed again: %(leaf)s…, as the log keeps it.") % {"leaf": leaf.hex()[:16]}
            if leaf == bytes(row.leaf)
            else _("The line hashes to %(leaf)s…, and the log keeps %(kept)s….")
            % {"leaf": leaf.hex()[:16], "kept": bytes(row.leaf).hex()[:16]},
        )
    ]
    proven = proofs.of_entry(row.idx)
    stored = proven.checkpoint
    if stored is None:
        return [*steps, Step(True, _("No checkpoint covers it yet: verify again in a second."))]
    reached = _root(leaf, row.idx, stored.size, proven.hashes)
    steps.append(
        Step(
            reached == stored.root,
            (
                _("%(n)d hashes lead from it to %(root)s…, the root of checkpoint %(size)s.")
                if reached == stored.root
                else _("%(n)d hashes lead from it to another root than that of checkpoint %(size)s.")
            )
            % {"n": len(proven.hashes), "root": stored.root.hex()[:16], "size": f"{stored.size:,}"},
        )
    )
    return [*steps, _signature(stored.note), *_cosignatures(stored)]


def _root(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes | None:
    try:
        return tree.root_from_inclusion(leaf, index, size, hashes)
    except ValueError:
        return None


def _signature(note: str) -> Step:
    try:
        opened = notes.open_note(note, checkpoints.log_vkeys())
    except (BadNote, MissingKey, WrongKey) as error:
        return Step(False, _("The checkpoint's signature does not verify: %(error)s.") % {"error": error})
    keys = ", ".join(f"{key.name} ({key.key_id.hex()})" for key in opened.log_keys)
    return Step(True, _("The checkpoint's signature by %(keys)s verifies.") % {"keys": keys})


def _cosignatures(stored: checkpoints.Stored) -> list[Step]:
    names = {witness.vkey: witness.words or witness.name for witness in checkpoints.witnesses()}
    found = checkpoints.cosignatures(stored.size)
    if not found:
        return [Step(True, _("No witness has cosigned this checkpoint yet."))]
    return [
        Step(True, _("The cosignature of %(name)s verifies.") % {"name": names.get(one.vkey, one.vkey.name)})
        for one in found
    ]
