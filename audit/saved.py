"""Saved questions: those every privacy officer asks, with how many entries answer them, and one's own."""

from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import questions, selectors
from audit.context import current_actor
from audit.entry import Actor
from audit.models import SavedQuestion
from audit.questions import Question
from csoc.lib import clock
from csoc.lib.errors import Refused, nothing_here

MOST_OWN = 30
#: Counted no further; a chip says "99+".
MOST_COUNTED = 100
COUNT_MS = 120
KEPT_S = 20
SPAN = 'since:"7 days ago"'
#: The question that asks which trailer; both are said on the page before it is asked.
WATCHED = "verb:video.live.*"
WATCHED_SINCE = "yesterday 22:00"

#: (key, words, text), asked over the last seven days.
BUILT_IN: tuple[tuple[str, Any, str], ...] = (
    ("no-cad", gettext_lazy("No CAD"), f"flag:no-cad {SPAN}"),
    ("outside-shift", gettext_lazy("Outside shift"), f"flag:outside-shift {SPAN}"),
    ("break-glass", gettext_lazy("Break-glass"), f"verb:access.break_glass {SPAN}"),
    ("exports", gettext_lazy("Exports"), f"verb:audit.export verb:export.* {SPAN}"),
    ("denied", gettext_lazy("Denied"), f"outcome:denied {SPAN}"),
    ("look-ups", gettext_lazy("Look-ups of staff"), f"flag:look-up {SPAN}"),
    ("readings", gettext_lazy("Readings"), f"verb:audit.view verb:audit.download {SPAN}"),
)

#: Those whose entries somebody should look at, each of them.
_WORTH = frozenset({"no-cad", "outside-shift", "break-glass", "look-ups"})


@dataclass(frozen=True, slots=True)
class Chip:
    """One saved question. ``count``: "" when not counted in time; ``own``: its id, if one's own."""

    words: str
    text: str
    count: str
    current: bool
    own: int | None = None
    worth: bool = False


def chips(asked: str) -> list[Chip]:
    """Return the saved questions of the acting person; ``asked`` is the text on the page now."""
    counted = _counts()
    built_in = [
        Chip(
            str(words),
            text,
            counted[key],
            text == asked,
            worth=key in _WORTH and counted[key] not in ("", "0"),
        )
        for key, words, text in BUILT_IN
    ]
    own = [Chip(row.name, row.text, "", row.text == asked, row.pk) for row in of_actor()]
    return built_in + own


def of_actor() -> list[SavedQuestion]:
    """Return the acting person's own questions, oldest first."""
    return list(SavedQuestion.objects.filter(owner=current_actor().id))


def watched(trailer: str, since: str) -> str:
    """Return the question who watched ``trailer`` since then."""
    parts = [WATCHED, questions.write("object", trailer), questions.write("since", since or WATCHED_SINCE)]
    return " ".join(parts)


def watching(question: Question) -> str:
    """Return the trailer when ``question`` is who watched it, else ""."""
    views, things = [term.text for term in question.of("verb")], question.of("object")
    if views != [WATCHED] or len(things) != 1 or len(things[0].value.exact) != 1:
        return ""
    return str(things[0].value.exact[0]).partition(":")[2]


def _counts() -> dict[str, str]:
    """Return each built-in question's count, kept a few seconds: what may be counted is the agency's."""
    key = f"audit-counts:{current_actor().agency or ''}"
    counted = cache.get(key)
    if counted is None:
        counted = {name: _counted(text) for name, _words, text in BUILT_IN}
        cache.set(key, counted, KEPT_S)
    return dict(counted)


def _counted(text: str) -> str:
    found = selectors.count(questions.parse(text), MOST_COUNTED, COUNT_MS)
    if found is None:
        return ""
    return f"{MOST_COUNTED - 1}+" if found >= MOST_COUNTED else str(found)


# -- one's own: kept, renamed and thrown away by their owner alone; nothing of the log is shown by it ----


def change(*, actor: Actor, act: str, pk: int | None, name: str, text: str) -> str:
    """Do what the page's form asks, and return the question to show next. Errors: Refused."""
    match act:
        case "save":
            return save_question(actor=actor, name=name, text=text).text
        case "rename" if pk is not None:
            return rename_question(actor=actor, pk=pk, name=name).text
        case "throw-away" if pk is not None:
            throw_away_question(actor=actor, pk=pk)
            return text
    raise nothing_here()


def save_question(*, actor: Actor, name: str, text: str) -> SavedQuestion:
    """Keep a question under a name. Errors: Refused for a bad name, a bad question, or too many."""
    asked = questions.parse(text)
    if not asked.terms:
        raise Refused("empty", _("Ask something first: an empty question needs no name."), 422)
    if SavedQuestion.objects.filter(owner=actor.id).count() >= MOST_OWN:
        raise Refused("too-many", _("You keep %(n)d questions. Throw one away first.") % {"n": MOST_OWN}, 422)
    row = SavedQuestion(owner=actor.id, name=_name(name), text=asked.text, created_at=clock.now())
    return _kept(row)


def rename_question(*, actor: Actor, pk: int, name: str) -> SavedQuestion:
    """Give one's own question another name. Errors: Refused."""
    row = _own(actor, pk)
    row.name = _name(name)
    return _kept(row)


def throw_away_question(*, actor: Actor, pk: int) -> None:
    """Forget one's own question. Errors: Refused ``not-found``."""
    _own(actor, pk).delete()


def _own(actor: Actor, pk: int) -> SavedQuestion:
    row = SavedQuestion.objects.filter(owner=actor.id, pk=pk).first()
    if row is None:
        raise nothing_here()
    return row


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 60 or not name.isprintable():
        raise Refused("bad-name", _("Give the question a name of 1 to 60 letters."), 422)
    return name


def _kept(row: SavedQuestion) -> SavedQuestion:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Refused(
            "name-taken", _("You have a question called “%(name)s” already.") % {"name": row.name}, 422
        ) from None
    return row
