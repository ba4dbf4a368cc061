"""Timelines: all that one person did, or all that was done to one thing, in the order it was sealed.

The log counts each actor's and each object's lines (``na``, ``no``), so a timeline can say "12 of 613", and
that lines are missing from it because this reader may not see them.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.urls import reverse

from audit import presenting, questions, selectors, strip
from audit.models import Entry
from audit.presenting import Row

ROWS = 200


@dataclass(frozen=True, slots=True)
class Timeline:
    """One stretch of a timeline, oldest first; ``older``, ``newer``: there is more on that side."""

    kind: str
    key: str
    rows: list[Entry]
    older: bool
    newer: bool


def read(
    kind: str, key: str, *, before: int | None = None, after: int | None = None, around: int | None = None
) -> Timeline:
    """Return up to ``ROWS`` visible entries of an actor (``person``) or an object, the newest by default.

    before, after: from that index back or on. around: half before it, half after.
    """
    if "\0" in key:  # No text of the database can hold it.
        return Timeline(kind, key, [], False, False)
    found = selectors.entries_visible_to_actor().filter(**{"actor" if kind == "person" else "object": key})
    found = found.filter(idx__lt=selectors.size())
    if after is not None:
        rows = list(found.filter(idx__gt=after).order_by("idx")[: ROWS + 1])
        return Timeline(kind, key, rows[:ROWS], True, len(rows) > ROWS)
    if around is not None and before is None:
        newer = list(found.filter(idx__gt=around).order_by("idx")[: ROWS // 2 + 1])
        older = list(found.filter(idx__lte=around).order_by("-idx")[: ROWS // 2 + 1])
        rows = [*reversed(older[: ROWS // 2]), *newer[: ROWS // 2]]
        return Timeline(kind, key, rows, len(older) > ROWS // 2, len(newer) > ROWS // 2)
    if before is not None:
        found = found.filter(idx__lt=before)
    rows = list(found.order_by("-idx")[: ROWS + 1])
    return Timeline(kind, key, rows[:ROWS][::-1], len(rows) > ROWS, before is not None)


def context(found: Timeline, around: int | None) -> dict[str, Any]:
    """Return what the page shows."""
    rows = presenting.with_gaps(presenting.rows(found.rows, {}), found.kind)
    newest, oldest = rows[-1], rows[0]
    field = "actor" if found.kind == "person" else "object"
    here = reverse(f"audit-{found.kind}", args=[found.key])
    broken = [row.told.idx for row in rows if row.state == "broken"]
    return {
        "kind": found.kind,
        "key": found.key,
        "title": newest.told.who if found.kind == "person" else newest.told.of,
        "rows": rows,
        "days": _days(rows),
        "first": oldest.position,
        "last": newest.position,
        "hidden": _hidden(rows),
        "older": f"{here}?before={oldest.told.idx}" if found.older else "",
        "newer": f"{here}?after={newest.told.idx}" if found.newer else "",
        "question": "?q=" + quote(questions.write(field, found.key)),
        "chosen": around,
        "strip": strip.now(broken),
        "broken": broken,
        "zone": presenting.zone_name(),
    }


def _hidden(rows: list[Row]) -> int:
    """Return how many lines between the first and the last one shown this reader may not see."""
    first, last = rows[0].position, rows[-1].position
    if first is None or last is None:
        return 0
    return last - first + 1 - len(rows)


def _days(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    days: list[tuple[str, list[Row]]] = []
    for row in rows:
        if not days or days[-1][0] != row.told.day:
            days.append((row.told.day, []))
        days[-1][1].append(row)
    return days
