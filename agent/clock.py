"""The agent's own clock: system time plus the correction learned from the console, and time that cannot
jump."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


def wire(moment: datetime) -> str:
    """Return RFC 3339 UTC with milliseconds and ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse(text: str) -> datetime:
    """Read an RFC 3339 time with a zone; raises ``ValueError`` otherwise."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


class Floor:
    """The latest time that this trailer is known to have reached, also by an earlier run of the agent.

    A computer whose clock fell back in a power cut (an empty battery, 1970) must not sense under a deployment
    that is long over. The console's word on the time (``AgentClock.correct``) counts more than the floor.
    """

    def __init__(self, clock: AgentClock, reached: datetime | None) -> None:
        self._clock = clock
        self._offset = clock.offset
        self._reached = max(reached, clock.now()) if reached else clock.now()
        self._at = clock.monotonic()

    def now(self) -> datetime:
        """Return the clock's time, never less than what has been reached plus what has passed since."""
        now = self._clock.now()
        if self._clock.offset != self._offset:
            self._offset, self._reached = self._clock.offset, now
        else:
            passed = timedelta(seconds=self._clock.monotonic() - self._at)
            self._reached = max(now, self._reached + passed)
        self._at = self._clock.monotonic()
        return self._reached


class AgentClock:
    """Wall time for what is written and judged, monotonic seconds for what must end."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """Return aware UTC time."""
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        """Return seconds that never go back, in no relation to the time of day."""
        return time.monotonic()

    def correct(self, server_time: str) -> None:
        """Set this clock to the console's, after it said ``clock-skew``; raises ``ValueError`` on a bad
        time."""
        self.offset = parse(server_time) - datetime.now(UTC)
