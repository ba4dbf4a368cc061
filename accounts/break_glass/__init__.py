"""What may be opened by breaking the glass: higher apps say how to find it, people apps know nothing of it.

H16: one thing, read only, 30 minutes, inside one's own agency. It never opens video, acknowledges,
approves, extends, or reaches what was purged: only the reads that ask ``glass_for`` honour it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from accounts import policies, selectors
from accounts.models import BreakGlass, User
from csoc.lib import clock
from csoc.lib.errors import Refused

_DEPLOYMENT = re.compile(r"DEP-\d{4}-\d{4,6}\Z")


@dataclass(frozen=True, slots=True)
class Thing:
    """One alert or deployment. ``url``: its page; ``granted``: whether a user may read it anyway."""

    kind: str
    id: str
    agency_id: int
    agency: str
    url: str
    granted: Callable[[User], bool]


Finder = Callable[[str], Thing | None]
_finders: dict[str, Finder] = {}


def register(kind: str, find: Finder) -> None:
    """Say how a thing of this kind is found by its id; called in ``AppConfig.ready``."""
    _finders[kind] = find


def find(kind: str, target: str) -> Thing | None:
    """Return the thing, of whatever agency; None when there is none of that kind and id."""
    finder = _finders.get(kind)
    return finder(target) if finder is not None else None


def page_of(kind: str, target: str) -> str:
    """Return the page on which it is read, or the list when it is gone meanwhile."""
    thing = find(kind, target)
    return thing.url if thing is not None else reverse("break-glass")


@dataclass(frozen=True, slots=True)
class Standing:
    """One that stands open: its row, the page on which it is read, and the seconds left."""

    row: BreakGlass
    url: str
    left_s: int


def standing(rows: Iterable[BreakGlass]) -> list[Standing]:
    """Return what a page shows of each."""
    now = clock.now()
    return [
        Standing(row, page_of(row.kind, row.target), max(0, int((row.expires_at - now).total_seconds())))
        for row in rows
    ]


def kind_of(text: str) -> tuple[str, str]:
    """Return (kind, id) of what a person typed: a UUID is an alert, ``DEP-…`` a deployment, else ("", "")."""
    text = text.strip()
    if _DEPLOYMENT.match(text.upper()):
        return BreakGlass.Kind.DEPLOYMENT, text.upper()
    try:
        return BreakGlass.Kind.ALERT, str(UUID(text))
    except ValueError:
        return "", ""


def glass_for(user: User, kind: str, target: str) -> BreakGlass | None:
    """Return what opens this thing to this person now, or None. Judged at every read: no job ends it."""
    if not policies.works_with_content(user):
        return None
    return selectors.open_glass(user, kind, target, clock.now())


def refusal(user: User, kind: str, target: str, sentence: str) -> Refused:
    """Return the 403 of a read, with the way to break the glass (``break_glass``) where there is one.

    Another agency's thing looks exactly as one that does not exist.
    """
    thing = find(kind, target) if policies.works_with_content(user) else None
    if thing is None or thing.agency_id != user.person.agency_id:
        return Refused("not-permitted", sentence, 403)
    way = f"{reverse('break-glass')}?{urlencode({'what': target})}"
    return Refused("not-permitted", sentence, 403, break_glass=way)
