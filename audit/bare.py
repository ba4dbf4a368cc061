"""Words without a field, understood the way people mean them: "watched trailer 07 yesterday after 22:00".

Every word becomes a field that can be seen and taken away again on the page, save the few that carry
nothing ("who", "and", "why"). What is nothing else is taken for a person's name, as written in the lines.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from audit import questions
from audit.questions import Token

#: Words that only hold a sentence together.
_FILLERS = frozenset(
    [
        "who",
        "what",
        "which",
        "when",
        "where",
        "why",
        "and",
        "or",
        "the",
        "a",
        "an",
        "of",
        "by",
        "on",
        "in",
        "to",
        "at",
        "did",
        "was",
        "were",
        "is",
        "has",
        "have",
        "been",
        "all",
        "show",
        "me",
    ]
)
#: Words for an act: the terms they stand for.
_ACTS = {
    **dict.fromkeys(("watch", "watched", "watching", "viewed"), (("verb", "video.live.*"),)),
    **dict.fromkeys(("export", "exports", "exported"), (("verb", "audit.export"), ("verb", "export.*"))),
    **dict.fromkeys(("denied", "denials"), (("outcome", "denied"),)),
    "failed": (("outcome", "failed"),),
    **dict.fromkeys(("purge", "purges", "purged"), (("verb", "purge.*"),)),
    "break-glass": (("verb", "access.break_glass*"),),
}
_EDGES = {
    "after": "since",
    "since": "since",
    "from": "since",
    "before": "until",
    "until": "until",
    "till": "until",
}
_DAYS = frozenset(
    ["today", "yesterday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\S+\Z")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?\Z")
_NUMBER = re.compile(r"\d+\Z")
_LONG = re.compile(r"(?:\d{5,18}|\d{1,3}(?:,\d{3})+)\Z")
_CAD = re.compile(r"\d{2}-\d{4,}\Z")
_TRAILER = re.compile(r"(?:trl-)?\d{1,4}\Z", re.I)
_PERSON = re.compile(r"u-\d+\Z", re.I)
_OBJECT = re.compile(r"(?:dep-\d{4}-\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z", re.I)
_VERB = re.compile(r"[a-z_]+\.[a-z_.*]+\Z", re.I)
_SHAPES = (
    (_CAD, "cad"), (_LONG, "entry"), (_TRAILER, "object"), (_PERSON, "actor"), (_OBJECT, "object"),
    (_VERB, "verb"),
)  # fmt: skip
#: A noun before an id, and the field it makes of it.
_NOUNS = {"trailer": "object", "trl": "object", "camera": "object", "alert": "object", "deployment": "object",
          "cad": "cad", "entry": "entry", "session": "session", "incident": "object"}  # fmt: skip


def understood(found: list[Token]) -> list[Token]:
    """Return tokens that all have a field."""
    return list(_named(_Reader([_trimmed(token) for token in found])))


def _trimmed(token: Token) -> Token:
    """Take the punctuation of a sentence off a bare word."""
    if token.field or token.quoted:
        return token
    return replace(token, value=token.value.rstrip("?!.,;") or token.value)


class _Reader:
    """A cursor over tokens."""

    def __init__(self, found: list[Token]) -> None:
        self.found, self.at = found, 0

    def here(self, ahead: int = 0) -> Token | None:
        position = self.at + ahead
        return self.found[position] if position < len(self.found) else None

    def word(self, ahead: int = 0) -> str:
        """Return the bare, unquoted word there in lower case, or "" if there is none."""
        token = self.here(ahead)
        return token.value.lower() if token and not token.field and not token.quoted else ""

    def take(self, count: int, field: str, value: str) -> Token:
        """Make one token with a field of the next ``count``."""
        first, last = self.found[self.at], self.found[self.at + count - 1]
        self.at += count
        return Token(field, value, first.negative, False, first.start, last.end)


def _named(reader: _Reader) -> Iterator[Token]:
    while (token := reader.here()) is not None:
        if token.field:
            yield _with_clock(reader)
        elif token.quoted:
            yield reader.take(1, "actor", token.value)
        elif reader.word() in _FILLERS:
            reader.at += 1
        elif found := _time(reader) or _noun(reader) or _shape(reader):
            yield found
        elif acts := _ACTS.get(reader.word()):
            at = reader.at
            for field, value in acts:
                reader.at = at
                yield reader.take(1, field, value)
        else:
            yield _name(reader)


def _with_clock(reader: _Reader) -> Token:
    """Read ``since:yesterday 22:00`` as it is meant, without its quotation marks."""
    token = reader.found[reader.at]
    day = token.value.lower() in _DAYS or bool(_DATE.match(token.value))
    if token.field in ("since", "until") and day and _CLOCK.match(reader.word(1)):
        return reader.take(2, token.field, f"{token.value} {reader.word(1)}")
    reader.at += 1
    return token


def _time(reader: _Reader) -> Token | None:
    """Read "yesterday after 22:00", "since 2026-11-20 06:00", "2 h ago", "22:00"."""
    skip, field = 0, "since"
    if reader.word() in _EDGES:
        field, skip = _EDGES[reader.word()], 1
    if _NUMBER.match(reader.word(skip)) and reader.word(skip + 2) == "ago":
        return reader.take(skip + 3, field, f"{reader.word(skip)} {reader.word(skip + 1)} ago")
    if _MOMENT.match(reader.word(skip).upper()):
        return reader.take(skip + 1, field, reader.word(skip).upper())
    day = reader.word(skip)
    if _CLOCK.match(day):
        return reader.take(skip + 1, field, day)
    if day not in _DAYS and not _DATE.match(day):
        return None
    between = 1 if reader.word(skip + 1) in (*_EDGES, "at") else 0
    clock = reader.word(skip + 1 + between)
    if not _CLOCK.match(clock):
        return reader.take(skip + 1, field, day)
    if between:
        field = _EDGES.get(reader.word(skip + 1), field)
    return reader.take(skip + 2 + between, field, f"{day} {clock}")


def _noun(reader: _Reader) -> Token | None:
    """Read "trailer 07", "CAD 26-118204", "entry 41,218", "alert 0199…"."""
    noun, value = reader.word(), reader.word(1)
    field = _NOUNS.get(noun)
    if not field or not value or not any(letter.isdigit() for letter in value):
        return None
    if field == "object" and noun not in ("trailer", "trl", "camera"):
        value = f"{noun}:{reader.found[reader.at + 1].value}"
    return reader.take(2, field, value)


def _shape(reader: _Reader) -> Token | None:
    """Read a word that says by its shape what it is."""
    value = reader.found[reader.at].value
    for pattern, field in _SHAPES:
        if pattern.match(value):
            return reader.take(1, field, value)
    if questions.is_object(value):
        return reader.take(1, "object", value)
    return None


def _name(reader: _Reader) -> Token:
    """Take words that stand together and mean nothing else for one person's name."""
    words = [reader.found[reader.at].value]
    while (word := reader.word(len(words))) and not _means_something(reader, len(words), word):
        words.append(reader.found[reader.at + len(words)].value)
    return reader.take(len(words), "actor", " ".join(words))


def _means_something(reader: _Reader, ahead: int, word: str) -> bool:
    known = word in _FILLERS or word in _EDGES or word in _DAYS or word in _ACTS or word in _NOUNS
    token = reader.here(ahead)
    return known or any(letter.isdigit() for letter in word) or "." in word or bool(token and token.negative)
