"""Which live views are drawn for a second look: a lot that anybody can draw again from the lines.

The rule, exactly. A *view* is a line with verb ``video.live.open`` or ``video.live.join`` and outcome
``allowed``. It belongs to the agency of its object and to the ISO week (Monday 00:00:00 UTC, seven days) of
its ``t``. The week's views of one agency are taken in the order of their index: v1, v2, v3 …

- *seed*: 32 bytes, the root of a signed checkpoint. Let ``i`` be the smallest index of all lines, of
  whatever verb and agency, whose ``t`` lies in the week. The seed is the root of the smallest checkpoint
  that the log signed whose size is greater than ``i``: the first one signed in that week.
- *ticket* of a view: SHA-256(seed || uid), where ``uid`` is the 36 ASCII characters as in the line. Tickets
  are compared as byte strings.
- After each view vk, the ``max(5, ceil(k / 10))`` views with the smallest tickets among v1 … vk are in the
  lot. What was once in the lot stays in it, even when later tickets are smaller.

So at least one view in ten is drawn, the first five of a week always are, each is drawn as soon as it is
sealed, and nobody chooses: neither who watches nor who keeps the list. The lot does not depend on when, or
how often, the console looked. The seed is known once the week has begun, so a console that was tampered
with could try uids until one is not drawn; docs/audit.md says so.
"""

import hashlib
from bisect import insort
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

LEAST = 5
ONE_IN = 10
WEEK = timedelta(days=7)


def week_of(moment: datetime) -> date:
    """Return the Monday of the ISO week (UTC) that ``moment`` lies in."""
    day = moment.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def span_of(week: date) -> tuple[datetime, datetime]:
    """Return where the week of that Monday begins, and where the next one does (UTC)."""
    begin = datetime.combine(week, time(), UTC)
    return begin, begin + WEEK


def ticket(seed: bytes, uid: str) -> bytes:
    """Return the view's ticket (32 bytes)."""
    return hashlib.sha256(seed + uid.encode("ascii")).digest()


def share(views: int) -> int:
    """Return how many of so many views are drawn at least."""
    return max(LEAST, -(-views // ONE_IN))


def lot(seed: bytes, uids: Iterable[str]) -> list[str]:
    """Return the uids that are drawn of a week's views, which are given in the order of their index."""
    drawn: dict[str, None] = {}
    tickets: list[tuple[bytes, str]] = []
    for count, uid in enumerate(uids, 1):
        mine = (ticket(seed, uid), uid)
        insort(tickets, mine)
        best = tickets[: share(count)][-1]
        if mine <= best:
            drawn[uid] = None
        # The share grew by one, or a later ticket moved down: whoever is last in it now is in the lot.
        drawn[best[1]] = None
    return list(drawn)
