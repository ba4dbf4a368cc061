"""What the log's pages show, made from lines: rows, the panel of one entry, timelines. No queries of its
own beyond what it is given to ask."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import proofs, questions, selectors, sentences, trust
from audit.models import Entry
from audit.reviewing import flags
from csoc.lib import clock

_VALUE = re.compile(r'("(?:[^"\\]|\\.)*")(:?)|(-?\d+|true|false|null)')
#: Being drawn by lot says nothing about an entry: the panel tells it, the row does not.
_CHIPS = flags.FLAGS.keys() - {flags.SAMPLE}
#: A pause in a timeline that is worth a line of its own.
GAP = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as a row: what it says, its flags as (code, title), its proof state, and its addresses."""

    told: sentences.Told
    flags: list[tuple[str, Any]]
    state: str
    link: str
    gap: str = ""
    position: int | None = None


def rows(found: list[Entry], here: dict[str, str]) -> list[Row]:
    """Return the rows of a page; ``here``: the page's own query, to which a row adds its number."""
    states, raised = proofs.of_entries(found), flags.of_entries(row.idx for row in found)
    return [
        Row(
            sentences.tell(row),
            [(code, flags.FLAGS[code].title) for code in raised.get(row.idx, []) if code in _CHIPS],
            states[row.idx],
            "?" + urlencode(here | {"entry": str(row.idx)}),
        )
        for row in found
    ]


def panel(row: Entry) -> dict[str, Any]:
    """Return everything the panel of one entry says."""
    told, proven = sentences.tell(row), proofs.of_entry(row.idx)
    raised = flags.of_entries([row.idx]).get(row.idx, [])
    entry = told.entry
    parent = selectors.by_uid(entry["parent"]) if entry.get("parent") else None
    stored = proven.checkpoint
    covered = stored is not None and proven.state != "broken"
    return {
        "told": told,
        "line": line_of(row.line),
        "state": proven.state,
        "flags": [flags.FLAGS[code] for code in raised if code in flags.FLAGS],
        "parts": line_parts(row.line),
        "details": selectors.details(row),
        "parent": parent.idx if parent else None,
        "session": _session_question(entry),
        "trust": trust.in_words(proven),
        "vouchers": trust.vouchers(proven),
        "drawing": trust.draw(row.idx, stored.size, len(proven.hashes)) if covered and stored else None,
        "actor_page": person_page(told.actor_id),
        "object_page": object_page(told.object_key),
    }


def person_page(actor_id: str) -> str:
    """Return the address of a timeline of one actor, "" of nobody."""
    return reverse("audit-person", args=[actor_id]) if actor_id else ""


def object_page(key: str) -> str:
    """Return the address of a timeline of one object, "" of nothing."""
    return reverse("audit-object", args=[key]) if key else ""


def _session_question(entry: dict[str, Any]) -> str:
    """Return the question for all that was done in the same sign-in, "" where there was none."""
    session = entry["actor"].get("session")
    if not session or not isinstance(session, str):
        return ""
    parts = [questions.write("actor", entry["actor"]["id"]), questions.write("session", session)]
    return "?" + urlencode({"q": " ".join(parts)})


def line_of(text: str) -> dict[str, Any]:
    """Return the line's members; none when somebody made it unreadable."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return line if isinstance(line, dict) else {}


def line_parts(line: str) -> list[tuple[str, bool]]:
    """Return the line in pieces, (text, is a value): together they are exactly the line."""
    pieces: list[tuple[str, bool]] = []
    position = 0
    for match in _VALUE.finditer(line):
        if match[2]:
            continue
        if match.start() > position:
            pieces.append((line[position : match.start()], False))
        pieces.append((match[0], True))
        position = match.end()
    pieces.append((line[position:], False))
    return [piece for piece in pieces if piece[0]]


def mistake(text: str, fault: questions.BadQuestion) -> dict[str, str]:
    """Return the sentence beside the field, and the text cut so that the bad part can be shown."""
    end = max(fault.end, fault.start)
    return {
        "sentence": fault.sentence,
        "before": text[: fault.start],
        "bad": text[fault.start : end],
        "after": text[end:],
    }


def answered(page: selectors.Page, question: questions.Question, size: int, seconds: float) -> str:
    """Say how many entries answer, of how many, in what time."""
    took = _("%(n)s of %(size)s in %(s).2f s")
    if page.count is None:
        known = f"{len(page.rows):,}{'+' if page.more else ''}" if question.terms else f"{size:,}"
        if not question.terms:
            return ngettext("%(n)s entry", "%(n)s entries", size) % {"n": known}
        return took % {"n": known, "size": f"{size:,}", "s": seconds}
    over = page.count > selectors.MOST_COUNTED
    shown = _("over %(n)s") % {"n": f"{selectors.MOST_COUNTED:,}"} if over else f"{page.count:,}"
    return took % {"n": shown, "size": f"{size:,}", "s": seconds}


def with_gaps(found: Iterable[Row], kind: str) -> list[Row]:
    """Return timeline rows with the pause before each, and each one's number among all (``na``, ``no``)."""
    told: list[Row] = []
    for row in found:
        pause = row.told.at - told[-1].told.at if told else timedelta()
        gap = _span(pause) if pause >= GAP else ""
        number = line_of(row.told.line).get("na" if kind == "person" else "no")
        told.append(Row(row.told, row.flags, row.state, row.link, gap, number))
    return told


def _span(pause: timedelta) -> str:
    minutes = int(pause.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return _("%(d)d d %(h)d h") % {"d": days, "h": hours}
    return _("%(h)d h %(m)d min") % {"h": hours, "m": minutes} if hours else _("%(m)d min") % {"m": minutes}


def zone_name() -> str:
    """Return the name of the zone in which the page's times are, such as EDT."""
    return clock.now().astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE)).tzname() or ""
