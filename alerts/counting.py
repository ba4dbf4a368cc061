"""Which of a trailer's numbers came: what is missing, and when its counter began again. Pure functions.

A trailer counts its alerts (``seq``). Numbers may come late and in any order; which ones never came matters.
Only the highest number and the holes below it are kept, so a year of alerts is as small as a day. Holes are
followed one by one up to ``MOST_HOLES``; more become one, of which only is known that much is missing in it:
a device that sends numbers at random costs no more than another one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime

#: A device misses reports in fewer places than that, unless it is broken or means harm.
MOST_HOLES = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """A number that came: of an alert, or of a signed refusal (``occurred_at`` None: it is not kept)."""

    seq: int
    at: datetime
    occurred_at: datetime | None = None


@dataclass(slots=True)
class Hole:
    """Numbers ``first`` to ``last`` that have not come; ``since``: when a later number did.

    ``key`` names what the caller keeps of it; the parts of a hole that was filled in the middle share it.
    ``many``: it stands for more than ``MOST_HOLES`` of them, and some numbers in it have come.
    """

    first: int
    last: int
    since: datetime
    key: int | None = None
    many: bool = False


@dataclass(slots=True)
class Count:
    """A trailer's count so far. ``odd``: a number at or below ``top`` that fills nothing, maybe a restart.

    ``holes`` are in the order of their numbers.
    """

    top: int | None = None
    top_occurred_at: datetime | None = None
    odd: int | None = None
    holes: list[Hole] = field(default_factory=list)

    def take(self, seen: Seen) -> bool:
        """Count one number in; True when the device's counter began again, which forgets the holes.

        Each number is taken once. What came before the first one is not missing: nobody knows of it.
        """
        if self.top is None:
            self._climb(seen)
            return False
        if seen.seq > self.top:
            if seen.seq > self.top + 1:
                self._open(Hole(self.top + 1, seen.seq - 1, seen.at))
            self._climb(seen)
            return False
        if self._fill(seen.seq):
            return False
        return self._maybe_restart(seen)

    def _climb(self, seen: Seen) -> None:
        self.top, self.odd = seen.seq, None
        self.top_occurred_at = seen.occurred_at or self.top_occurred_at

    def _open(self, hole: Hole) -> None:
        if self.holes and self.holes[-1].many:
            self.holes[-1].last = hole.last
        else:
            self.holes.append(hole)
            self._bound()

    def _bound(self) -> None:
        if len(self.holes) > MOST_HOLES:
            since = min(hole.since for hole in self.holes)
            self.holes = [Hole(self.holes[0].first, self.holes[-1].last, since, many=True)]

    def _fill(self, seq: int) -> bool:
        at = bisect_right(self.holes, seq, key=lambda hole: hole.first) - 1
        # Whether a number in one that stands for many was missing, nobody knows any more.
        if at < 0 or self.holes[at].last < seq or self.holes[at].many:
            return False
        hole = self.holes[at]
        parts = ((hole.first, seq - 1), (seq + 1, hole.last))
        self.holes[at : at + 1] = [
            Hole(first, last, hole.since, hole.key) for first, last in parts if first <= last
        ]
        self._bound()
        return True

    def _maybe_restart(self, seen: Seen) -> bool:
        """Two numbers in a row that fill nothing, rise, and happened after the top one: it counts anew.

        One alone may be a device's mistake, and what happened earlier is an old alert that came late.
        """
        after = self.top_occurred_at is not None and seen.occurred_at is not None
        if not after or seen.occurred_at <= self.top_occurred_at:  # type: ignore[operator]
            return False
        if self.odd is None or seen.seq <= self.odd:
            self.odd = seen.seq
            return False
        began, self.holes = self.odd, []
        if seen.seq > began + 1:
            self._open(Hole(began + 1, seen.seq - 1, seen.at))
        self._climb(seen)
        return True
