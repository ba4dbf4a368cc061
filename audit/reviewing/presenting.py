"""What the reviewers' page says: rows in words, terms, and one item with what happened around it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.context import current_actor
from audit.models import Review
from audit.permissions import in_group
from audit.reviewing import flags
from audit.reviewing import selectors as review_selectors
from audit.sentences import Told
from csoc.lib import clock

PAGE_ROWS = 100
SHOWS = ("todo", "flags", "decided")
DECISIONS = (
    ("in-order", gettext_lazy("In order"), gettext_lazy("The reason fits what happened.")),
    (
        "needs-explanation",
        gettext_lazy("Needs explanation"),
        gettext_lazy("Ask the person first."),
    ),
    ("not-justified", gettext_lazy("Not justified"), gettext_lazy("It should not have been done.")),
)
DECIDED_AS = {code: words for code, words, _means in DECISIONS}


def number(text: str | None) -> int | None:
    """Return a row number from an address, None for anything else."""
    known = text and text.isascii() and text.isdigit() and len(text) < 19
    return int(text) if known and text else None


def page(user: Any, asked: Mapping[str, str], chosen: Review | None) -> dict[str, Any]:
    """Return everything the page says: the list that was asked for, and the chosen item."""
    officer = in_group(user, "privacy_officer")
    show = asked.get("show", "") if asked.get("show") in SHOWS else "todo"
    code = asked.get("code", "") if asked.get("code") in flags.FLAGS else ""
    before = number(asked.get("before"))
    found = review_selectors.listed(user, show=show, code=code, before=before, limit=PAGE_ROWS + 1)
    here = {name: value for name, value in (("show", show), ("code", code)) if value}
    counts = review_selectors.counts(user)
    return {
        "show": show,
        "code": code,
        "rows": _rows(found[:PAGE_ROWS], here),
        "older": urlencode(here | {"before": found[PAGE_ROWS - 1].pk}) if len(found) > PAGE_ROWS else "",
        "officer": officer,
        "waiting": review_selectors.open_count(user),
        "overdue": review_selectors.overdue_count(user),
        "chips": [(c, flag.title, counts[c]) for c, flag in flags.FLAGS.items() if _has_no_term(c)],
        "flagged": sum(n for c, n in counts.items() if _has_no_term(c)),
        "chosen": _panel(chosen) if chosen else None,
        "decisions": DECISIONS,
        "zone": clock.now().astimezone(_zone()).tzname(),
    }


def _has_no_term(code: str) -> bool:
    return code not in (flags.SAMPLE, flags.BREAK_GLASS)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    review: Review
    told: Told | None
    flag: flags.Flag
    link: str
    due: str
    overdue: bool
    decided: str


def _rows(found: list[Review], here: dict[str, str]) -> list[Row]:
    told, now = review_selectors.entries_of(found), clock.now()
    firsts = review_selectors.first_decisions(found)
    return [
        Row(
            review,
            told.get(review.idx),
            flags.FLAGS[review.code],
            urlencode(here | {"item": review.pk}),
            _due(review, now),
            review_selectors.is_overdue(review, now),
            str(DECIDED_AS.get(firsts.get(review.pk, ""), "")),
        )
        for review in found
    ]


def _due(review: Review, now: datetime) -> str:
    """Say how long is left, or how long it has been overdue."""
    if review.due_at is None:
        return ""
    left_s = (review.due_at - now).total_seconds()
    hours = -(-left_s // 3600) if left_s > 0 else -left_s // 3600
    span = _("%(n)d days") % {"n": round(hours / 24)} if hours >= 48 else _("%(n)d h") % {"n": hours}
    return (_("%(span)s left") if left_s > 0 else _("overdue by %(span)s")) % {"span": span}


def _panel(review: Review) -> dict[str, Any]:
    """Return everything the side panel says of one item."""
    now, near = clock.now(), review_selectors.around(review.idx)
    [centre] = [one.told for one in near if one.offset == 0]
    decided = review_selectors.decisions(review)
    own = flags.person_number(current_actor().id)
    return {
        "review": review,
        "told": centre,
        "near": near,
        "flag": flags.FLAGS[review.code],
        "also": [flags.FLAGS[code].title for code in _others(review)],
        "due": _due(review, now),
        "overdue": review_selectors.is_overdue(review, now),
        "words": review_selectors.words_of(review.idx) if review.code == flags.BREAK_GLASS else None,
        "decided": [(one, DECIDED_AS[one.decision.decision]) for one in decided],
        "own_act": review.subject == own,
        "mine": any(one.decision.reviewer == own for one in decided),
    }


def _others(review: Review) -> list[str]:
    found = flags.of_entries([review.idx]).get(review.idx, [])
    return [code for code in found if code != review.code]


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.LOCAL_TIME_ZONE)
