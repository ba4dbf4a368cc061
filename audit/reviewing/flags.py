"""Why somebody should look at an entry: the rules, and each rule explained to whoever looks.

A flag accuses nobody. It says what was noticed, what usually makes it harmless, and what to ask. Rules are
drawn from sealed lines alone, so that the same log always raises the same flags.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.models import Entry, Review

SAMPLE = "sample"
BREAK_GLASS = "break-glass"
#: H16: somebody else looks at it within a day. A drawn view has a week.
BREAK_GLASS_DUE = timedelta(hours=24)
SAMPLE_DUE = timedelta(days=7)
#: A shift lasts as long as a sign-in at most.
LONGEST_SHIFT = timedelta(hours=12)
MANY_DENIALS = 5
DENIALS_WITHIN = timedelta(minutes=10)
#: Denials of one person that are looked at; more within the ten minutes tell nothing new.
DENIALS_READ = 200

VIEWS = frozenset({"video.live.open", "video.live.join"})
LOOKS = VIEWS | {"alert.view"}
SHIFTS = ("shift.start", "shift.end", "auth.sign_out")
EXPORTS = frozenset({"audit.export", "export.begin"})
PEOPLE = frozenset({"user", "person"})


class Flag(NamedTuple):
    """One reason, lazily translated: its chip, why it was raised, what is harmless, what to ask."""

    title: Any
    why: Any
    harmless: Any
    ask: Any


FLAGS: dict[str, Flag] = {
    "no-cad": Flag(
        _("No CAD number"),
        _("A camera was opened without the number of a dispatched event."),
        _("The shot came first and the number was given out minutes later; the alert's own times show it."),
        _("Which event was it, and is its number known by now?"),
    ),
    "outside-shift": Flag(
        _("Outside shift"),
        _("Somebody opened a camera or a detail without a shift begun in the 12 hours before."),
        _("They took over in a hurry and did not press “Start shift”, or looked at one alert on request."),
        _("Were they on duty, and who asked them to look?"),
    ),
    BREAK_GLASS: Flag(
        _("Break-glass"),
        _("Somebody read, by their own decision, one thing that their role does not let them read."),
        _("The person responsible could not be reached, and waiting would have put somebody at risk."),
        _("What would have happened without it, and whom did they try to reach first?"),
    ),
    "denied-often": Flag(
        _("Denied often"),
        _("One person was refused five times or more within ten minutes."),
        _("A role was changed just before, or a page was reloaded again and again."),
        _("What were they trying to reach, and do they need it for their work?"),
    ),
    "look-up": Flag(
        _("Look-up of a colleague or oneself"),
        _("Somebody looked up a member of staff: a colleague, or themselves."),
        _("It belongs to their work, such as giving out roles or answering that person's own request."),
        _("On whose request was it, and where is that request recorded?"),
    ),
    "malformed": Flag(
        _("Malformed entry"),
        _("A part of the console wrote an entry that is not of the documented form. It was kept as it came."),
        _("A program of an older version was still running during an upgrade."),
        _("Which program wrote it? The raw text is in the line; ask whoever runs the console."),
    ),
    "export": Flag(
        _("Export"),
        _("Something left the console as a file."),
        _("It has a case number, a named recipient and a second person, and the case exists."),
        _("Is the recipient the one the case calls for, and did they get no more than they needed?"),
    ),
    "halted": Flag(
        _("Log halted"),
        _("The log stopped signing, because the database did not hold what was signed before."),
        _("A backup was restored on purpose, and the people responsible said so at the time."),
        _("Who restored or changed the database, and which entries are missing now?"),
    ),
    "resumed": Flag(
        _("Log resumed"),
        _("A person let a halted log go on, under a new name."),
        _("The halt was looked into first, and every witness was told the new name."),
        _("Who decided it, on what ground, and what do the witnesses say about the time before?"),
    ),
    SAMPLE: Flag(
        _("Drawn at random"),
        _("One live view in ten, and at least five a week, is drawn by lot for a second look."),
        _("Nearly all are: it was drawn by lot, and nothing was noticed about it."),
        _("Do the reason and the CAD number fit the alert, and did the view last no longer than needed?"),
    ),
}


def due(code: str, at: datetime, raised_at: datetime) -> datetime | None:
    """Return until when somebody must have decided; ``at`` is the entry's own time. None: no term."""
    if code == BREAK_GLASS:
        return at + BREAK_GLASS_DUE
    return raised_at + SAMPLE_DUE if code == SAMPLE else None


def person_number(actor_id: str) -> int:
    """Return 1042 for ``u-1042``, 0 for whatever is not a person."""
    digits = actor_id.removeprefix("u-")
    known = actor_id.startswith("u-") and digits.isascii() and digits.isdigit() and len(digits) < 10
    return int(digits) if known else 0


_VERBS = LOOKS | EXPORTS | {"user.view", "access.break_glass", "system.malformed", "log.halt", "log.resume"}
_CONCERNED = (
    Q(outcome="denied") | Q(verb__in=_VERBS) | Q(verb__startswith="search.") | Q(verb__startswith="bail.")
)


def candidates(start: int, end: int) -> list[Entry]:
    """Return the entries from ``start`` to before ``end`` that a rule could speak about, in order."""
    return list(Entry.objects.filter(_CONCERNED, idx__gte=start, idx__lt=end).order_by("idx"))


class Past:
    """What the log says of the time before some entries: shifts, and who was refused how often.

    Two queries for a whole batch, and one more for each person who was refused in it.
    """

    def __init__(self, rows: list[Entry]) -> None:
        self._shifts: dict[str, list[Entry]] = {}
        self._denials: dict[str, list[Entry]] = {}
        self._flagged: dict[str, int] = {}
        looks = [row for row in rows if row.verb in LOOKS]
        if looks:
            self._read_shifts(looks)

    def _read_shifts(self, looks: list[Entry]) -> None:
        since = min(row.at for row in looks) - LONGEST_SHIFT
        found = Entry.objects.filter(verb__in=SHIFTS, at__gte=since, idx__lt=looks[-1].idx, outcome="allowed")
        for row in found.order_by("idx"):
            self._shifts.setdefault(row.actor, []).append(row)

    def on_shift(self, row: Entry) -> bool:
        """True when the newest shift.start before ``row`` is at most 12 h old and was not ended since."""
        begun: Entry | None = None
        for step in self._shifts.get(row.actor, []):
            if step.idx > row.idx:
                break
            if step.verb == "shift.start":
                begun = step
            elif begun and (step.verb == "shift.end" or _session(step) == _session(begun)):
                begun = None
        return begun is not None and row.at - begun.at <= LONGEST_SHIFT

    def denied_too_often(self, row: Entry) -> bool:
        """True at every fifth denial of one person within ten minutes, counted anew after each flag."""
        if row.actor not in self._flagged:
            flagged = Review.objects.filter(code="denied-often", subject=person_number(row.actor))
            newest = flagged.filter(idx__lt=row.idx).order_by("-idx").first()
            self._flagged[row.actor] = newest.idx if newest else -1
        before = Entry.objects.filter(actor=row.actor, idx__lte=row.idx, idx__gt=self._flagged[row.actor])
        near = before.order_by("-idx").values_list("at", "outcome")[:DENIALS_READ]
        many = sum(o == "denied" and row.at - at <= DENIALS_WITHIN for at, o in near) >= MANY_DENIALS
        if many:
            self._flagged[row.actor] = row.idx
        return many


def _session(row: Entry) -> str | None:
    session = json.loads(row.line)["e"]["actor"].get("session")
    return str(session) if session else None


def codes(row: Entry, past: Past) -> list[str]:
    """Return every reason to look at ``row``, in the order of ``FLAGS``."""
    entry = json.loads(row.line)["e"]
    person = entry["actor"]["kind"] == "person"
    allowed = row.outcome in ("allowed", "partial")
    # What was read under a break-glass is looked at with it.
    looked = person and allowed and row.verb in LOOKS and "parent" not in entry
    rules = {
        "no-cad": looked and row.verb in VIEWS and not row.cad,
        "outside-shift": looked and not past.on_shift(row),
        BREAK_GLASS: allowed and row.verb == "access.break_glass",
        "denied-often": person and row.outcome == "denied" and past.denied_too_often(row),
        "look-up": person and allowed and _is_look_up(entry),
        "malformed": row.verb == "system.malformed",
        "export": allowed and row.verb in EXPORTS,
        "halted": row.verb == "log.halt",
        "resumed": row.verb == "log.resume",
    }
    return [code for code, raised in rules.items() if raised]


def _is_look_up(entry: dict[str, Any]) -> bool:
    asked = entry["verb"] == "user.view" or entry["verb"].startswith(("search.", "bail."))
    return asked and entry["object"]["type"] in PEOPLE


def agency_of(row: Entry) -> str:
    """Return whose people review it: the object's agency, else the actor's, else "" for the log's own."""
    return row.agency or str(json.loads(row.line)["e"]["actor"].get("agency") or "")


def of_entries(indexes: Iterable[int]) -> dict[int, list[str]]:
    """Return the codes raised on each of these entries, for the rows of a page; one query."""
    found: dict[int, list[str]] = {}
    for idx, code in Review.objects.filter(idx__in=list(indexes)).order_by("id").values_list("idx", "code"):
        found.setdefault(idx, []).append(code)
    return found
