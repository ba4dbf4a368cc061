"""A reader's question as text: ``verb:video.live.* object:TRL-0007 since:"yesterday 22:00" -actor:purge``.

Terms of one field are alternatives, different fields all have to hold, a minus sign takes away. Words
without a field are understood by ``audit.bare``. Nothing is ignored in silence: text that cannot be
understood raises ``BadQuestion``, which points at the part at fault.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from audit import moments
from audit.entry import RESULTS
from audit.reviewing import flags
from audit.verbs import VERBS
from csoc.lib import clock
from csoc.lib.errors import Refused

MAX_TEXT = 500
MAX_TERMS = 24
FIELDS = (
    "verb", "object", "actor", "since", "until", "agency", "outcome", "cad", "reason", "flag",
    "session", "entry",
)  # fmt: skip
TIMES = ("since", "until")
NONE = "none"

_TOKEN = re.compile(r'(?P<minus>-)?(?:(?P<field>[A-Za-z_]+):)?(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]+))?')
_TRAILER = re.compile(r"(?:trl-)?0*(\d{1,4})\Z", re.I)
_PERSON = re.compile(r"u-\d{1,12}\Z", re.I)
_DEPLOYMENT = re.compile(r"dep-\d{4}-\d+\Z", re.I)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.I)
_CAD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_-]{0,39}\Z")
_ENTRY = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,18})(?:\.\.(\d{1,3}(?:,\d{3})+|\d{1,18}))?\Z")
#: What a bare id may be the id of.
TYPES = (
    "trailer", "alert", "user", "deployment", "session", "person", "incident", "consent", "hotlist", "key",
    "log", "epoch", "page", "agency", "unit", "entry", "export", "request", "inbox",
)  # fmt: skip
#: An object's key stands for itself: its type is not a field.
_KEY = re.compile(
    rf"(?P<minus>-)?(?P<field>)(?P<quoted>\b\B)?(?P<plain>(?:{'|'.join(set(TYPES) - set(FIELDS))}):[^\s\"]+)",
    re.I,
)


class BadQuestion(Refused):
    """The text cannot be understood. ``start`` and ``end`` (characters) point at the part at fault."""

    def __init__(self, sentence: str, start: int = 0, end: int = 0) -> None:
        super().__init__("bad-filter", sentence, 400, start=start, end=end)
        self.start, self.end = start, end


@dataclass(frozen=True, slots=True)
class Keys:
    """Exact texts, or everything that begins with ``prefix``."""

    exact: tuple[str, ...] = ()
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. ``value`` as the log holds it, ``text`` as a person writes it."""

    field: str
    value: Any
    text: str
    negative: bool = False
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: the ``text`` as typed, and its ``terms`` in that order."""

    text: str = ""
    terms: tuple[Term, ...] = ()

    def of(self, field: str, *, negative: bool = False) -> list[Term]:
        """Return the terms of one field."""
        return [term for term in self.terms if term.field == field and term.negative is negative]

    def moment(self, field: str) -> datetime | None:
        """Return the tightest ``since`` or ``until``, in UTC."""
        found = [term.value for term in self.of(field)]
        return (max(found) if field == "since" else min(found)) if found else None

    @property
    def canonical(self) -> str:
        """The question in fields only, the way each part was understood."""
        return " ".join(term.text for term in self.terms)

    @property
    def dated(self) -> str:
        """The question in fields only, its times as dates: it means the same on any other day."""
        return " ".join(
            write(term.field, on_its_day(term)) if term.field in TIMES else term.text for term in self.terms
        )

    def without(self, term: Term) -> str:
        """Return the text that asks the same without ``term``."""
        return " ".join(other.text for other in self.terms if other != term)


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of the text. ``field`` is "" for a bare word."""

    field: str
    value: str
    negative: bool
    quoted: bool
    start: int
    end: int


def parse(text: str, now: datetime | None = None) -> Question:
    """Return the question. Errors: BadQuestion (a Refused, ``bad-filter``, 400)."""
    from audit import bare

    now = now or clock.now()
    if len(text) > MAX_TEXT:
        raise BadQuestion(_("Write at most %(n)d characters.") % {"n": MAX_TEXT}, MAX_TEXT, len(text))
    for position, letter in enumerate(text):
        if not letter.isprintable() and letter not in " \t":
            raise BadQuestion(_("There is a character here that cannot be read."), position, position + 1)
    terms: list[Term] = []
    for token in bare.understood(tokens(text)):
        if len(terms) >= MAX_TERMS:
            raise BadQuestion(
                _("Ask at most %(n)d things at once.") % {"n": MAX_TERMS}, token.start, len(text)
            )
        terms.append(_term(token, terms, now))
    return _in_order(Question(text.strip(), tuple(terms)))


def on_its_day(term: Term) -> str:
    """Return the moment of a ``since`` or ``until`` with its date."""
    zone = ZoneInfo(settings.LOCAL_TIME_ZONE)
    return moments.exact(term.value, zone, end=term.field == "until")


def from_query(query: Mapping[str, str]) -> str:
    """Return the text of a query string: ``q``, and each field that has a parameter of its own."""
    parts = [query.get("q", "")]
    parts += [write(field, query[field].strip()) for field in FIELDS[:4] if query.get(field, "").strip()]
    return " ".join(part for part in parts if part)


def write(field: str, value: str, *, negative: bool = False) -> str:
    """Return one term as text, quoted where it must be."""
    value = value.replace('"', " ")
    quote = '"' if not value or re.search(r"\s", value) else ""
    return f"{'-' if negative else ''}{field}:{quote}{value}{quote}"


def tokens(text: str) -> list[Token]:
    """Cut the text. Errors: BadQuestion for an open quotation mark, an unknown field, an empty value."""
    found, position = [], 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _KEY.match(text, position) or _TOKEN.match(text, position)
        assert match is not None, "every part of the pattern is optional"
        end = max(match.end(), position + 1)
        _whole(text, match, end)
        quoted = match["quoted"] is not None
        value = (match["quoted"] if quoted else match["plain"]) or ""
        found.append(Token(_field(match), value.strip(), bool(match["minus"]), quoted, position, end))
        if not found[-1].value:
            raise BadQuestion(_nothing_after(found[-1]), position, end)
        position = end
    return found


def _whole(text: str, match: re.Match[str], end: int) -> None:
    """Refuse a quotation mark that opens and never closes, or that stands in the middle of a word."""
    if (end < len(text) and text[end] == '"') or text[match.start() : end] == '"':
        sentence = _("A quotation mark opens here and does not close.")
        if match["quoted"] is not None or match["plain"]:
            sentence = _("Put a space before this quotation mark, or the quotation marks around it all.")
        raise BadQuestion(sentence, min(end, len(text) - 1), len(text))
    if match["quoted"] is not None and end < len(text) and not text[end].isspace():
        raise BadQuestion(_("Put a space after the closing quotation mark."), end - 1, end + 1)


def is_object(word: str) -> bool:
    """True for an object's key, such as ``trailer:TRL-0007``."""
    return bool(_KEY.fullmatch(word))


def _field(match: re.Match[str]) -> str:
    """Return the field's name, "" for a bare word."""
    field = (match["field"] or "").lower()
    if not field or field in FIELDS:
        return field
    near = difflib.get_close_matches(field, FIELDS, 1)
    hint = (
        _("Did you mean %(near)s:?") % {"near": near[0]}
        if near
        else _("The fields are %(all)s.") % {"all": ", ".join(FIELDS)}
    )
    sentence = _("There is no field called “%(field)s”. %(hint)s") % {"field": match["field"], "hint": hint}
    raise BadQuestion(sentence, match.start("field"), match.end("field") + 1)


def _nothing_after(token: Token) -> str:
    if token.field:
        return _("Write something after %(field)s:") % {"field": token.field}
    return _("Write something between the quotation marks, or after the minus sign.")


def _term(token: Token, before: list[Term], now: datetime) -> Term:
    reader = _READERS[token.field]
    try:
        if token.field in ("since", "until"):
            if token.negative:
                raise ValueError(_("A time takes no minus sign: write since: or until:."))
            value = _moment(token, before, now)
        else:
            value = reader(token.value)
    except ValueError as error:
        raise BadQuestion(str(error), token.start, token.end) from None
    shown = write(token.field, _shown(value, token.value), negative=token.negative)
    return Term(token.field, value, shown, token.negative, token.start, token.end)


def _shown(value: Any, typed: str) -> str:
    """Return how a value is written back: "7" becomes the trailer it was understood to be."""
    if isinstance(value, Keys) and len(value.exact) == 1:
        return value.exact[0].removeprefix("trailer:")
    return typed


def _in_order(question: Question) -> Question:
    since, until = question.moment("since"), question.moment("until")
    if since and until and until <= since:
        term = question.of("until")[0]
        here = ZoneInfo(settings.LOCAL_TIME_ZONE)
        raise BadQuestion(
            _("This ends %(until)s and begins %(since)s: nothing lies between.")
            % {
                "until": moments.shown(until, here),
                "since": moments.shown(since, here),
            },
            term.start,
            term.end,
        )
    return question


# -- values: each raises ValueError with the sentence ------------------------------------------------


def _moment(token: Token, before: list[Term], now: datetime) -> datetime:
    began = [term.value for term in before if term.field == "since"]
    return moments.parse(
        token.value,
        now=now,
        zone=ZoneInfo(settings.LOCAL_TIME_ZONE),
        end=token.field == "until",
        after=max(began) if began else None,
    )


def _verbs(text: str) -> tuple[str, ...]:
    """Return the verbs of the closed vocabulary that ``text`` names; ``*`` stands for anything."""
    pattern = re.compile(".*".join(re.escape(part) for part in text.lower().split("*")) + r"\Z")
    found = tuple(verb for verb in VERBS if pattern.match(verb))
    if found:
        return found
    near = difflib.get_close_matches(text.lower(), VERBS, 1, 0.5)
    hint = _("Did you mean %(near)s?") % {"near": near[0]} if near else _("Try video.live.* or auth.*.")
    raise ValueError(_("No verb is called “%(verb)s”. %(hint)s") % {"verb": text, "hint": hint})


def object_keys(text: str) -> Keys:
    """Return the objects that ``text`` names: ``trailer:TRL-0007``, ``TRL-0007``, ``07``, ``trailer:*``."""
    kind, colon, name = text.partition(":")
    kind = kind.strip().lower().replace(" ", "_") if colon else ""
    name = (name if colon else text).strip()
    if "*" in name:
        if not kind or name.index("*") != len(name) - 1:
            raise ValueError(_("A star stands at the end only, after a type: trailer:* or alert:0199*."))
        return Keys(prefix=f"{kind}:{name[:-1]}")
    if not name or len(name) > 128:
        raise ValueError(_("Name one object: TRL-0007, trailer:TRL-0007, u-1042 or alert:…."))
    if (kind in ("", "trailer")) and (match := _TRAILER.match(name)):
        return Keys((f"trailer:TRL-{int(match[1]):04d}",))
    if _PERSON.match(name) and kind in ("", "user", "person"):
        return Keys(tuple(f"{one}:{name.lower()}" for one in ([kind] if kind else ["user", "person"])))
    if _DEPLOYMENT.match(name) and kind in ("", "deployment"):
        return Keys((f"deployment:{name.upper()}",))
    return Keys((f"{kind}:{name}",) if kind else tuple(f"{one}:{name}" for one in TYPES))


def _actor(text: str) -> str:
    if len(text) > 200:
        raise ValueError(_("Write a person's number (u-1042) or name."))
    return text.lower() if _PERSON.match(text) else text


def _outcome(text: str) -> str:
    if text.lower() in RESULTS:
        return text.lower()
    raise ValueError(_("An outcome is allowed, denied, failed or partial."))


def _cad(text: str) -> str:
    if text.lower() == NONE:
        return NONE
    if not _CAD.match(text):
        raise ValueError(_("A CAD number looks like 26-118204; write cad:none for entries without one."))
    return text


def _flag(text: str) -> str:
    code = text.lower()
    if code in flags.FLAGS:
        return code
    raise ValueError(
        _("No flag is called “%(flag)s”. The flags are %(all)s.")
        % {"flag": text, "all": ", ".join(flags.FLAGS)}
    )


def _session(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{6,64}", text.lower()):
        raise ValueError(_("A session is the short code of letters a to f and digits in the line's actor."))
    return text.lower()


def _entry(text: str) -> tuple[int, int]:
    match = _ENTRY.match(text)
    if not match:
        raise ValueError(_("Write an entry's number, such as entry:41218, or two: entry:41200..41218."))
    first = int(match[1].replace(",", ""))
    last = int(match[2].replace(",", "")) if match[2] else first
    if last < first:
        raise ValueError(_("The second number is smaller than the first."))
    return first, min(last, 2**62)


def _short(text: str) -> str:
    if len(text) > 64:
        raise ValueError(_("That is too long to be in the log."))
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    "verb": _verbs,
    "object": object_keys,
    "actor": _actor,
    "since": _short,
    "until": _short,
    "agency": lambda text: "" if text.lower() == NONE else _short(text),
    "outcome": _outcome,
    "cad": _cad,
    "reason": lambda text: NONE if text.lower() == NONE else _short(text).replace(" ", "-"),
    "flag": _flag,
    "session": _session,
    "entry": _entry,
}


def index(query: Mapping[str, str], name: str) -> int | None:
    """Return an entry's index out of a query string. Errors: BadQuestion."""
    text = query.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadQuestion(_("The entry's number “%(name)s” cannot be read.") % {"name": name})
    return int(text)


def changed(question: Question, **changes: Any) -> Question:
    """Return the question with other terms or text."""
    return replace(question, **changes)
