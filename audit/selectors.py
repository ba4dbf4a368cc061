"""Reads of the log: what the acting person may see, as pages, single entries and timelines.

Every page goes back by index from a known place, inside index bounds made from its times, and answers
within its time: a question that finds too little in the time it has says how far back it looked.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from psycopg.errors import QueryCanceled

from audit import detail
from audit.context import current_actor
from audit.models import Detail, Entry, Review
from audit.questions import NONE, Keys, Question, Term
from csoc.lib import clock
from csoc.lib.sealing import SealBroken

#: Past these the page warns, and shows the fault.
QUIET_S = 5.0
FAULT_S = 60.0
PULSE = "SELECT at, size, extract(epoch FROM clock_timestamp() - at) FROM audit_pulse"

#: A page counts no further: "over 10,000" tells as much.
MOST_COUNTED = 10_000
#: What one page may cost the database, and how many lines it looks at when that was too little.
PAGE_MS = 350
WINDOW = 40_000
#: Times are not sorted: a line lags the newest before it by at most 300 s. Bounds are taken twice as wide.
LAG = "600 s"
RECENT = 4_000

EARLIEST = """
WITH edge AS (SELECT at FROM audit_log WHERE at >= %(at)s AND idx < %(size)s ORDER BY at LIMIT 1),
near AS MATERIALIZED (SELECT l.idx FROM edge, audit_log l
    WHERE l.at BETWEEN edge.at AND edge.at + %(lag)s::interval AND l.idx < %(size)s)
SELECT min(idx) FROM near
"""
LATEST = """
WITH edge AS (SELECT at FROM audit_log WHERE at < %(at)s AND idx < %(size)s ORDER BY at DESC LIMIT 1),
near AS MATERIALIZED (SELECT l.idx FROM edge, audit_log l
    WHERE l.at BETWEEN edge.at - %(lag)s::interval AND edge.at AND l.idx < %(size)s)
SELECT max(idx) FROM near
"""
#: Each different name once, by leaping through its index.
NAMES = """
WITH RECURSIVE seen AS (
    (SELECT lower(name) AS name FROM audit_log WHERE name IS NOT NULL AND idx < %(size)s
     ORDER BY lower(name) LIMIT 1)
    UNION ALL
    SELECT (SELECT lower(l.name) FROM audit_log l WHERE l.name IS NOT NULL AND l.idx < %(size)s
            AND lower(l.name) > seen.name ORDER BY lower(l.name) LIMIT 1)
    FROM seen WHERE seen.name IS NOT NULL
) SELECT name FROM seen WHERE name IS NOT NULL LIMIT 3000
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One page, newest first.

    more: older ones match. count: how many match in all, MOST_COUNTED + 1 for more; None: not counted (a
    later page, or too slow). searched_to: None when everything was looked at, else the index down to which
    this page looked.
    """

    rows: list[Entry]
    more: bool
    count: int | None
    searched_to: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """Who and what the newest entries name: (number, name) of people, ids of trailers."""

    people: list[tuple[str, str]]
    trailers: list[str]


# -- what may be seen --------------------------------------------------------------------------------


def entries_visible_to_actor() -> QuerySet[Entry]:
    """Return the entries about the reader's own agency, about none, and those their own people made."""
    own = current_actor().agency or ""
    return Entry.objects.filter(Q(agency__in=["", own]) | Q(actor_agency=own) if own else Q(agency=""))


def matching(question: Question) -> QuerySet[Entry]:
    """Return every visible entry that ``question`` asks for, in no order. Made for slicing by ``idx``."""
    return _within(entries_visible_to_actor(), question, size())


def size() -> int:
    """Return how many lines the log has."""
    newest = Entry.objects.order_by("-idx").values_list("idx", flat=True).first()
    return 0 if newest is None else newest + 1


def page(question: Question, limit: int, before: int | None = None) -> Page:
    """Return ``limit`` entries below index ``before``, and how many match in all on the first page."""
    top = size()
    found = _within(entries_visible_to_actor(), question, top)
    if before is not None:
        found = found.filter(idx__lt=before)
    counted = MOST_COUNTED + 1 if question.terms and before is None else limit + 1
    indexes = _newest(found, counted)
    if indexes is not None:
        count = len(indexes) if counted > limit + 1 else None
        return Page(_rows(indexes[:limit]), len(indexes) > limit, count, None)
    low = max(0, min(top, before if before is not None else top) - WINDOW)
    indexes = _newest(found.filter(idx__gte=low), limit + 1) or []
    return Page(_rows(indexes[:limit]), len(indexes) > limit, None, low if len(indexes) <= limit else None)


def count(question: Question, most: int, within_ms: int) -> int | None:
    """Return how many entries match, at most ``most``; None when that takes longer than ``within_ms``."""
    indexes = _newest(matching(question), most, within_ms)
    return None if indexes is None else len(indexes)


def entry(idx: int) -> Entry | None:
    """Return one entry the acting person may see."""
    return entries_visible_to_actor().filter(idx=idx).first()


def by_uid(uid: str) -> Entry | None:
    """Return the entry of that id, if it is one and the acting person may see it."""
    try:
        return entries_visible_to_actor().filter(uid=UUID(uid)).first()
    except (ValueError, TypeError, AttributeError):
        return None


def first_allowed(verb: str, object_key: str) -> Entry | None:
    """Return the first entry of an act that was done on ``type:id``, once it has its place in the log."""
    found = entries_visible_to_actor().filter(object=object_key, verb=verb, outcome="allowed")
    return found.order_by("idx").first()


def seen() -> Seen:
    """Return whom and which trailers the newest entries name: what a reader may be offered."""
    newest = entries_visible_to_actor().order_by("-idx").values_list("actor", "name", "object")[:RECENT]
    people: dict[str, str] = {}
    trailers: set[str] = set()
    for actor, name, thing in newest:
        if name:
            people.setdefault(actor, name)
        if thing.startswith("trailer:"):
            trailers.add(thing.removeprefix("trailer:"))
    return Seen(sorted(people.items(), key=lambda one: one[1].casefold()), sorted(trailers))


# -- a page's own work -------------------------------------------------------------------------------


def _newest(found: QuerySet[Entry], limit: int, within_ms: int = PAGE_MS) -> list[int] | None:
    """Return the newest indexes of ``found``; None when the time ran out."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(within_ms)])
            return list(found.order_by("-idx").values_list("idx", flat=True)[:limit])
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return None
        raise


def _rows(indexes: list[int]) -> list[Entry]:
    return list(Entry.objects.filter(idx__in=indexes).order_by("-idx")) if indexes else []


def _within(found: QuerySet[Entry], question: Question, top: int) -> QuerySet[Entry]:
    """Apply every term. Times become index bounds as well, so that a page never walks past them."""
    found = found.filter(idx__lt=top)
    since, until = question.moment("since"), question.moment("until")
    if since:
        found = found.filter(at__gte=since, idx__gte=_bound(EARLIEST, since, top, missing=top))
    if until:
        found = found.filter(at__lt=until, idx__lte=_bound(LATEST, until, top, missing=-1))
    fields = dict.fromkeys(term.field for term in question.terms if term.field not in ("since", "until"))
    found = found.alias(lower_name=Lower("name"))
    for field in fields:
        wanted = [_condition(term, top) for term in question.of(field)]
        if wanted:
            found = found.filter(_any(wanted))
        for term in question.of(field, negative=True):
            found = found.exclude(_condition(term, top))
    return found


def _bound(query: str, at: datetime, top: int, *, missing: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, {"at": at, "size": top, "lag": LAG})
        found = cursor.fetchone()[0]
    return missing if found is None else int(found)


def _any(wanted: list[Q]) -> Q:
    found = wanted[0]
    for one in wanted[1:]:
        found |= one
    return found


def _condition(term: Term, top: int) -> Q:
    value = term.value
    match term.field:
        case "verb":
            return Q(verb__in=value)
        case "object":
            return _object(value)
        case "actor":
            return _actor(value, top)
        case "cad" | "reason":
            return Q(**{f"{term.field}__isnull": True}) if value == NONE else Q(**{term.field: value})
        case "flag":
            return Q(idx__in=Review.objects.filter(code=value).values("idx"))
        case "session":
            return Q(line__contains=f'"session":"{value}')
        case "entry":
            return Q(idx__gte=value[0], idx__lte=value[1])
    return Q(**{term.field: value})


def _object(keys: Keys) -> Q:
    return Q(object__startswith=keys.prefix) if keys.prefix else Q(object__in=keys.exact)


def _actor(text: str, top: int) -> Q:
    """Find a number or id as it is, a whole name, or else every name that holds the words."""
    lowered = text.lower()
    if Entry.objects.filter(idx__lt=top, actor=text).exists():
        return Q(actor=text)
    known = Entry.objects.filter(idx__lt=top, name__isnull=False).alias(lower_name=Lower("name"))
    if known.filter(lower_name=lowered).exists():
        return Q(lower_name=lowered)
    with connection.cursor() as cursor:
        cursor.execute(NAMES, {"size": top})
        names = [name for (name,) in cursor if all(word in name for word in lowered.split())]
    return Q(lower_name__in=names) if names else Q(idx=-1)


# -- one entry's details, a timeline, the sequencer ---------------------------------------------------


def details(row: Entry) -> list[tuple[str, str | None]]:
    """Return the erasable values behind ``row`` as (member, JSON text); None where one is gone."""
    try:
        told = json.loads(row.line)["e"]
        return [(member, _opened(bytes.fromhex(told[member]))) for member in detail.CLASSES if member in told]
    except (ValueError, LookupError, TypeError):
        # The line was changed: what it commits to is anybody's guess.
        return []


def _opened(commitment: bytes) -> str | None:
    kept = Detail.objects.filter(commitment=commitment).first()
    if kept is None:
        return None
    try:
        value = detail.open_sealed(bytes(kept.commitment), bytes(kept.sealed), kept.key_id)
    except (FileNotFoundError, SealBroken):
        return None
    return json.dumps(value, ensure_ascii=False, indent=1)


def sealed_status() -> dict[str, Any]:
    """Return how far the log is sealed.

    ``sealed_at``: wire time of the sequencer's last sign of life (everything before has its place in
    the log, save ``waiting``), None before the first. ``waiting``: entries not yet placed.
    ``behind_s``: seconds the sequencer is behind, by the oldest of them or by its own silence.
    ``size``: entries in the log. ``state``: ok, caution (over 5 s behind) or fault (over 60 s).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT waiting, oldest_s FROM audit_waiting()")
        waiting, oldest_s = cursor.fetchone()
        cursor.execute(PULSE)
        pulse: tuple[Any, ...] = cursor.fetchone() or (None, 0, 0)
    # A pulse comes every second; only when it stops is its age a sign of anything.
    silent_s = float(pulse[2])
    behind_s = max(float(oldest_s), silent_s if silent_s > QUIET_S else 0.0)
    state = "fault" if behind_s > FAULT_S or pulse[0] is None else "caution" if behind_s > QUIET_S else "ok"
    return {
        "sealed_at": clock.wire(pulse[0]),
        "waiting": waiting,
        "behind_s": round(behind_s, 3),
        "size": pulse[1],
        "state": state,
    }
