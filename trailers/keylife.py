"""How far a key has come at a moment: judged when it is read, whatever a task has or has not done since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .models import TrailerKey

#: Days before its end at which a key's end is told of, once each; 0: it has expired.
WARN_DAYS = (30, 14, 3, 0)
_DAY = timedelta(days=1)

#: Each word of a life, as people read it.
WORDS: dict[str, Promise] = {
    "none": _("no key yet"),
    "pending": _("waits for a second person"),
    "good": _("active"),
    "ends": _("ends soon"),
    "overlap": _("replaced, still good"),
    "replaced": _("replaced"),
    "expired": _("expired"),
    "revoked": _("revoked"),
}


@dataclass(frozen=True, slots=True)
class Life:
    """`word` is one of WORDS; `days` whole days left, rounded up, 0 once the end has passed; None: no end."""

    word: str
    ends_at: datetime | None = None
    days: int | None = None

    @property
    def label(self) -> Promise:
        """The word, for people."""
        return WORDS[self.word]

    @property
    def near(self) -> bool:
        """Whether its end is so near, or past, that somebody has to see to it."""
        return self.word in ("ends", "expired")

    @property
    def level(self) -> str:
        """How a screen marks it: `fault`, `caution`, or nothing."""
        if self.word in ("expired", "revoked") or (self.word == "ends" and (self.days or 0) <= WARN_DAYS[2]):
            return "fault"
        return "caution" if self.word in ("ends", "pending", "none") else ""


def key_life() -> timedelta:
    """How long a key is good for (setting `CSOC_TRAILER_KEY_DAYS`)."""
    return timedelta(days=settings.TRAILER_KEY_DAYS)


def life_of(key: TrailerKey, at: datetime) -> Life:
    """Return how far this key has come at `at`."""
    until = key.valid_until
    if key.state in (TrailerKey.State.REVOKED, TrailerKey.State.PENDING):
        return Life(str(key.state))
    left = None if until is None else max(0, ceil((until - at) / _DAY))
    if not key.usable(at):
        return Life("replaced" if key.replaced_at else "expired", until, 0)
    if key.replaced_at:
        return Life("overlap", until, left)
    return Life("good" if left is None or left > WARN_DAYS[0] else "ends", until, left)


def standing_of(keys: Iterable[TrailerKey], at: datetime) -> Life:
    """Return how a trailer stands with all its keys: by its newest that was not replaced.

    A pending key beside an active one is news of an enrolment, not of the trailer, so the active one speaks.
    """
    newest_first = sorted(keys, key=lambda key: -key.n)
    lives = [life_of(key, at) for key in newest_first]
    order = ("good", "ends", "expired", "overlap", "pending", "revoked", "replaced")
    return min(lives, key=lambda life: order.index(life.word), default=Life("none"))


def due_warning(key: TrailerKey, at: datetime) -> int | None:
    """Return which of WARN_DAYS this key's end has come to; None while further off, or of no account."""
    life = life_of(key, at)
    if life.word not in ("ends", "expired") or life.days is None:
        return None
    return min(days for days in WARN_DAYS if days >= life.days)


def grouped(fingerprint: str, hidden: int = 0) -> list[str]:
    """Return a fingerprint in groups of four, without its last `hidden` digits."""
    shown = fingerprint[: len(fingerprint) - hidden]
    return [shown[start : start + 4] for start in range(0, len(shown), 4)]
