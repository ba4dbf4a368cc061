"""What changed between two texts, word by word, and between two lists, by name."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import NamedTuple

_WORD = re.compile(r"\S+\s*|\s+")
SAME, ADDED, REMOVED = "same", "added", "removed"


class Piece(NamedTuple):
    """A stretch of text and whether it is the same, was added or was removed; ``strong`` stands out."""

    kind: str
    text: str
    strong: bool = False

    @property
    def core(self) -> str:
        """The text without the space after it, which is not marked."""
        return self.text.rstrip()

    @property
    def tail(self) -> str:
        """The space after it."""
        return self.text[len(self.core) :]


def words(before: str | None, after: str) -> list[Piece]:
    """Return ``after`` in pieces, what was removed in its place; without a ``before`` all is the same.

    Whole words are compared, so that a reader never has to put letters together.
    """
    if before is None or before == after:
        return [Piece(SAME, after)] if after else []
    old, new = _WORD.findall(before), _WORD.findall(after)
    match = SequenceMatcher(None, [one.strip() for one in old], [one.strip() for one in new], autojunk=False)
    pieces = []
    for what, i1, i2, j1, j2 in match.get_opcodes():
        if what == "equal":
            pieces.append(Piece(SAME, "".join(new[j1:j2])))
            continue
        pieces += [Piece(REMOVED, "".join(old[i1:i2])), Piece(ADDED, "".join(new[j1:j2]))]
    return [piece for piece in pieces if piece.text]


def whole(before: str | None, after: str) -> list[Piece]:
    """Return a value that changes as one: a number, a time, a digest."""
    if before is None or before == after:
        return [Piece(SAME, after)] if after else []
    return [piece for piece in (Piece(REMOVED, before), Piece(ADDED, after)) if piece.text]


def named(before: Iterable[str] | None, after: Iterable[str]) -> list[Piece]:
    """Return a list by its members: those that stayed or came in their order, then those that went."""
    new = list(after)
    if before is None:
        return [Piece(SAME, one) for one in new]
    old = list(before)
    kept = [Piece(SAME if one in old else ADDED, one) for one in new]
    return kept + [Piece(REMOVED, one) for one in old if one not in new]


def changed(pieces: Iterable[Piece]) -> bool:
    """Whether any piece was added or removed."""
    return any(piece.kind != SAME for piece in pieces)
