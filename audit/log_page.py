"""One look at the log: the question as it was asked, what answers it, the chosen entry, the strip."""

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from audit import presenting, questions, saved, selectors, sentences, strip
from audit.models import Entry
from audit.questions import BadQuestion, Question
from audit.verbs import VERBS

ROWS = 50


@dataclass(slots=True)
class Look:
    """What was asked and found. ``fault``: why the question cannot be read; then nothing was looked for."""

    text: str
    question: Question = field(default_factory=Question)
    before: int | None = None
    chosen: int | None = None
    page: selectors.Page = field(default_factory=lambda: selectors.Page([], False, None, None))
    fault: dict[str, str] | None = None
    seconds: float = 0.0


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows for an address."""
    return _context(_look(_asked(request), request))


def of_one(idx: int) -> dict[str, Any]:
    """Return the page that shows one entry alone, chosen."""
    look = Look(f"entry:{idx}", chosen=idx)
    look.question = questions.parse(look.text)
    look.page = selectors.page(look.question, ROWS)
    return _context(look)


def _asked(request: HttpRequest) -> str:
    """Return the question's text: as typed, or as the small form “who watched” puts it together."""
    trailer = request.GET.get("watched", "").strip()
    if trailer:
        return saved.watched(trailer, request.GET.get("from", "").strip())
    return questions.from_query(request.GET)


def _look(text: str, request: HttpRequest) -> Look:
    began = time.perf_counter()
    look = Look(text)
    try:
        look.question = questions.parse(text)
        look.before = questions.index(request.GET, "before")
        look.chosen = questions.index(request.GET, "entry")
        look.page = selectors.page(look.question, ROWS, look.before)
    except BadQuestion as error:
        look.fault = presenting.mistake(text, error)
    look.seconds = time.perf_counter() - began
    return look


def _context(look: Look) -> dict[str, Any]:
    here = {"q": look.text} | ({"before": str(look.before)} if look.before is not None else {})
    rows = presenting.rows(look.page.rows, here)
    chosen = selectors.entry(look.chosen) if look.chosen is not None and not look.fault else None
    panel = presenting.panel(chosen) if chosen else None
    broken = _broken(rows, chosen, panel)
    seen = selectors.seen()
    return {
        **_of_question(look),
        "rows": rows,
        "panel": panel,
        "not_there": look.chosen if look.chosen is not None and chosen is None else None,
        "saved": saved.chips(look.text),
        "own": saved.of_actor(),
        "seen": seen,
        "trailers": [(name, sentences.trailer(name)) for name in seen.trailers],
        "watched_since": saved.WATCHED_SINCE,
        "verbs": sorted(VERBS),
        "strip": strip.now(broken),
        "broken": broken,
        "zone": presenting.zone_name(),
    }


def _of_question(look: Look) -> dict[str, Any]:
    """Return the question in its parts, how many entries answer it, and where it goes on."""
    question, found = look.question, look.page
    goes_on = found.rows[-1].idx if found.more else found.searched_to
    answered = presenting.answered(found, question, selectors.size(), look.seconds)
    return {
        "text": look.text,
        "question": question,
        "fault": look.fault,
        "answered": "" if look.fault else answered,
        "older": urlencode({"q": look.text, "before": goes_on}) if goes_on else "",
        "newest": urlencode({"q": look.text}) if look.before is not None else "",
        "searched_to": found.searched_to,
        "terms": [
            (term.text, urlencode({"q": question.without(term)}), _date(term)) for term in question.terms
        ],
        "watching": sentences.trailer(saved.watching(question)),
    }


def _date(term: questions.Term) -> str:
    """Return the date that a time was understood as, "" where it is written already or there is none."""
    found = questions.on_its_day(term).replace("T", " ") if term.field in questions.TIMES else ""
    return "" if found in term.text.replace("T", " ") else found


def _broken(rows: list[presenting.Row], chosen: Entry | None, panel: dict[str, Any] | None) -> list[int]:
    """Return the entries on this page that are not what was signed, the chosen one included."""
    broken = {row.told.idx for row in rows if row.state == "broken"}
    if chosen and panel and panel["state"] == "broken":
        broken.add(chosen.idx)
    return sorted(broken)
