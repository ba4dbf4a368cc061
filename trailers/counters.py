"""Counters of what is refused. A badly signed request costs a number, never a row.

What is refused before or beside the alerts' doors is added up in this process, and written in one statement
at most every 10 s, by the next device request that comes then. A process that ends takes up to those last
seconds of numbers with it: they are for people who look for a fault, not for the log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import DatabaseError, IntegrityError, connection
from prometheus_client import Counter
from psycopg_pool import PoolTimeout

from csoc.lib import clock

from .models import RefusalHour

log = logging.getLogger(__name__)

FLUSH_EVERY_S = 10.0
KEPT = timedelta(days=30)

_REFUSED = Counter(
    "csoc_device_signatures_refused_total",
    "Device requests refused at the signature, by problem code",
    ["code"],
)
_ADD = """
INSERT INTO trailers_refusalhour AS kept (trailer_id, code, hour, n, last_at)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::bigint[], %s::timestamptz[])
ON CONFLICT (trailer_id, code, hour)
DO UPDATE SET n = kept.n + excluded.n, last_at = greatest(kept.last_at, excluded.last_at)
"""


class Count(NamedTuple):
    """`n` refusals of `code` in the hour of `last_at`; `trailer` is a row's id, None for nobody known."""

    trailer: int | None
    code: str
    n: int
    last_at: datetime

    @property
    def hour(self) -> datetime:
        """The beginning of its UTC hour."""
        return self.last_at.replace(minute=0, second=0, microsecond=0)


class _Waiting:
    """What this process has counted and not written yet; by trailer, code and hour, so it stays small."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: dict[tuple[int | None, str, datetime], Count] = {}
        self.written_at = time.monotonic()

    def add(self, count: Count) -> None:
        key = (count.trailer, count.code, count.hour)
        with self.lock:
            before = self.counts.get(key)
            self.counts[key] = count._replace(n=count.n + before.n) if before else count

    def due(self) -> bool:
        return bool(self.counts) and time.monotonic() - self.written_at >= FLUSH_EVERY_S

    def take(self) -> list[Count]:
        with self.lock:
            taken, self.counts = list(self.counts.values()), {}
            self.written_at = time.monotonic()
        return taken


_waiting = _Waiting()


def count_refused(code: str, trailer: int | None = None) -> None:
    """Add one refusal of `code`; `trailer` (row id) only when a signature of its key held."""
    _REFUSED.labels(code).inc()
    _waiting.add(Count(trailer, code[:32], 1, clock.now()))
    write_if_due()


def refused(code: str) -> float:
    """Return how many refusals of `code` this process has counted."""
    return float(_REFUSED.labels(code)._value.get())


def write_if_due() -> None:
    """Write what was counted, at most every 10 s; never inside somebody's transaction."""
    if _waiting.due() and not connection.in_atomic_block:
        write()


def write() -> None:
    """Write what was counted now. With the database away it stays counted."""
    taken = _waiting.take()
    try:
        add(taken)
    except IntegrityError:
        # One of their trailers is gone: numbers of nobody must not hold up everybody else's for ever.
        log.warning("refusal counts of a trailer that is gone were dropped")
    except (DatabaseError, PoolTimeout) as error:
        log.warning("refusal counts wait: %s", type(error).__name__)
        for count in taken:
            _waiting.add(count)


def add(counts: Iterable[Count]) -> None:
    """Add to the hours, in the caller's transaction if there is one; one statement."""
    merged: dict[tuple[int | None, str, datetime], Count] = {}
    for count in counts:
        key = (count.trailer, count.code, count.hour)
        before = merged.get(key, count._replace(n=0))
        merged[key] = count._replace(n=before.n + count.n, last_at=max(before.last_at, count.last_at))
    # In one order, so that two processes never wait for each other in a ring.
    rows = sorted(merged.values(), key=lambda one: (one.trailer or 0, one.code, one.hour))
    if not rows:
        return
    columns: list[list[Any]] = [[row.trailer for row in rows], [row.code for row in rows]]
    columns += [[row.hour for row in rows], [row.n for row in rows], [row.last_at for row in rows]]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, columns)


def forget_old(at: datetime) -> int:
    """Delete hours older than 30 days; returns how many."""
    gone, _by_model = RefusalHour.objects.filter(hour__lt=at - KEPT).delete()
    return gone
