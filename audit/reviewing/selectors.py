"""Reading what is to be reviewed: lists, counts, and an entry with what happened around it."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, F, QuerySet

from audit import selectors
from audit.context import current_actor
from audit.models import Entry, Review, ReviewDecision
from audit.permissions import in_group
from audit.reviewing import flags
from audit.sentences import Told, tell
from csoc.lib import clock

#: Entries shown before and after the one under review.
AROUND = 8
#: What the console tells a trailer for a person's act, and its answer: the act itself stands beside it.
_MECHANICAL = "trailer.command"
#: Entries of the same person or object that are looked through for them.
LOOKED_THROUGH = 60


def visible_to(user: Any) -> QuerySet[Review]:
    """Return what ``user`` may review.

    The privacy officer: everything of their agency, and what is the log's own. A supervisor: what has a
    term (drawn views and break-glass) of their agency. Everybody else: nothing.
    """
    agency = current_actor().agency or ""
    if in_group(user, "privacy_officer"):
        return Review.objects.filter(agency__in=["", agency])
    if agency and in_group(user, "supervisor"):
        return Review.objects.filter(agency=agency, due_at__isnull=False)
    return Review.objects.none()


def waiting(user: Any) -> QuerySet[Review]:
    """Return what waits for this person: it has a term, nobody decided, and it is not their own act."""
    own = flags.person_number(current_actor().id)
    return visible_to(user).filter(due_at__isnull=False, decided_at__isnull=True).exclude(subject=own)


def open_count(user: Any) -> int:
    """Return how many drawn views and break-glasses wait for this person."""
    return waiting(user).count()


def overdue_count(user: Any) -> int:
    """Return how many of them are past their term."""
    return waiting(user).filter(due_at__lte=clock.now()).count()


def counts(user: Any) -> dict[str, int]:
    """Return how many of each code nobody has decided on, zeros included."""
    found = visible_to(user).filter(decided_at__isnull=True).order_by()
    known = dict(found.values_list("code").annotate(n=Count("id")).values_list("code", "n"))
    return {code: known.get(code, 0) for code in flags.FLAGS}


def listed(user: Any, *, show: str, code: str, before: int | None, limit: int) -> list[Review]:
    """Return one page. ``show``: todo, flags or decided; ``code``: only this one, or ""."""
    found = visible_to(user)
    if code:
        found = found.filter(code=code)
    if show == "decided":
        found = found.filter(decided_at__isnull=False).order_by(F("decided_at").desc(), "-id")
    elif show == "flags":
        found = found.filter(decided_at__isnull=True, due_at__isnull=True).order_by("-id")
    else:
        found = found.filter(decided_at__isnull=True, due_at__isnull=False).order_by("due_at", "id")
    if before is not None and show == "flags":
        found = found.filter(id__lt=before)
    return list(found[:limit])


def entries_of(reviews: list[Review]) -> dict[int, Told]:
    """Return what each review's entry says, by index."""
    rows = Entry.objects.filter(idx__in={review.idx for review in reviews})
    return {row.idx: tell(row) for row in rows}


def first_decisions(reviews: list[Review]) -> dict[int, str]:
    """Return what was decided first, by the review's id."""
    made = ReviewDecision.objects.filter(review__in=reviews, nth=1)
    return dict(made.values_list("review_id", "decision"))


@dataclass(frozen=True, slots=True)
class Near:
    """One entry around the one under review; ``times``: how often it stands there in a row."""

    told: Told
    offset: int
    same_session: bool
    under_it: bool
    times: int = 1


def around(idx: int) -> list[Near]:
    """Return the entries before and after ``idx`` of the same sign-in, of the same object, or read under it.

    In order, the entry itself included (offset 0), at most eight on either side.
    """
    centre = Entry.objects.get(idx=idx)
    found: dict[int, Near] = {}
    for row in [centre, *_neighbours(centre)]:
        near = _near(row, centre)
        if near is not None:
            found[row.idx] = near
    ordered = _in_a_row(sorted(found.values(), key=lambda near: near.told.idx))
    place = next(n for n, near in enumerate(ordered) if near.offset == 0)
    return ordered[max(0, place - AROUND) : place + AROUND + 1]


def _in_a_row(ordered: list[Near]) -> list[Near]:
    """Tell what stands there several times in a row once, with its count; never the entry itself."""
    found: list[Near] = []
    for near in ordered:
        last = found[-1] if found else None
        if last and last.offset and near.offset and _words(last.told) == _words(near.told):
            found[-1] = replace(last, times=last.times + 1)
        else:
            found.append(near)
    return found


def _words(told: Told) -> tuple[str, str, str]:
    return told.who, told.what, told.why


def _neighbours(centre: Entry) -> list[Entry]:
    agency = current_actor().agency or ""
    seen = Entry.objects.filter(agency__in=["", agency]).exclude(verb__startswith=_MECHANICAL)
    same = [{"actor": centre.actor}]
    if not centre.object.startswith(("log:", "page:")):
        same.append({"object": centre.object})
    found: list[Entry] = []
    for like in same:
        found += seen.filter(**like, idx__lt=centre.idx).order_by("-idx")[:LOOKED_THROUGH]
        found += seen.filter(**like, idx__gt=centre.idx).order_by("idx")[:LOOKED_THROUGH]
    return found


def _near(row: Entry, centre: Entry) -> Near | None:
    told, of = tell(row), json.loads(centre.line)["e"]
    session = of["actor"].get("session")
    same_session = row.actor == centre.actor and told.entry["actor"].get("session") == session
    about_it = told.entry["verb"].startswith(("audit.", "access."))
    under_it = told.entry.get("parent") == of["uid"] and not about_it
    if not (same_session or under_it or row.object == centre.object):
        return None
    return Near(told, row.idx - centre.idx, same_session, under_it)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with its note: None while the entry waits for its place, or once it is erased."""

    decision: ReviewDecision
    note: str | None


def decisions(review: Review) -> list[Decided]:
    """Return what was decided, the first one first."""
    made = list(review.decisions.order_by("nth"))
    rows = {row.uid: row for row in Entry.objects.filter(uid__in=[one.uid for one in made])}
    return [Decided(one, _note(rows.get(one.uid))) for one in made]


def _note(row: Entry | None) -> str | None:
    for member, text in selectors.details(row) if row is not None else []:
        if member == "detail" and text is not None:
            return str(json.loads(text).get("note", ""))
    return None


def words_of(idx: int) -> str | None:
    """Return the sealed words that came with the entry itself (the reason of a break-glass)."""
    row = Entry.objects.filter(idx=idx).first()
    for member, text in selectors.details(row) if row is not None else []:
        if member == "detail" and text is not None:
            return str(json.loads(text).get("words", "")) or None
    return None


def one(user: Any, review_id: int) -> Review | None:
    """Return one review this person may see, as long as the log still holds its entry."""
    found = visible_to(user).filter(pk=review_id).first()
    return found if found and Entry.objects.filter(idx=found.idx).exists() else None


def is_overdue(review: Review, now: datetime) -> bool:
    """True when its term is over and nobody has decided."""
    return review.decided_at is None and review.due_at is not None and review.due_at <= now
