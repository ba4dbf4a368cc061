"""How old the oldest readable detail is. Looks at the keys themselves, so it needs no Celery."""

from datetime import datetime, timedelta
from typing import Any

from csoc.lib import clock
from vault import details, keystore, recordkeys
from vault.classes import classes
from vault.epochs import OVERDUE_AFTER, destroyed_at
from vault.models import DestroyedKey, PurgeRun
from vault.purgeables import purgeables


def oldest_epoch() -> datetime | None:
    """Return the oldest epoch that still has a key file, None when there is none."""
    return next(iter(keystore.epochs()), None)


def oldest_row() -> datetime | None:
    """Return the oldest epoch that still has sealed rows, of the tables that can tell and the log's."""
    known = [table.oldest() for table in purgeables() if table.oldest is not None]
    known.append(details.oldest())
    return min(filter(None, known), default=None)


def overdue(now: datetime | None = None) -> bool:
    """True when a key, or a sealed row, outlived 47 h 30: the purge is dead. Independent of Celery."""
    moment = now or clock.now()
    return any(epoch + OVERDUE_AFTER <= moment for epoch in (oldest_epoch(), oldest_row()) if epoch)


def last_purge() -> dict[str, Any] | None:
    """Return ``{"at","ok","oldest"}`` in wire times for the board, None before the first run.

    ``ok`` is false after a failed run and whenever something is overdue, run or no run.
    """
    run = PurgeRun.objects.first()
    if run is None:
        return None
    return {
        "at": clock.wire(run.at),
        "ok": run.ok and not overdue(),
        "oldest": clock.wire(oldest_epoch()),
    }


def retention() -> dict[str, Any]:
    """Return what the page shows: the oldest key, when it goes, how many there are, the last runs."""
    now, oldest = clock.now(), oldest_epoch()
    due = destroyed_at(oldest) if oldest else None
    return {
        "now": now,
        "oldest": oldest,
        "due": due,
        "left": _hours(due - now) if due else "",
        "keys": len(keystore.epochs()),
        "overdue": overdue(now),
        "runs": list(PurgeRun.objects.all()[:20]),
        "last": PurgeRun.objects.first(),
        "last_work": PurgeRun.objects.filter(keys__gt=0).first(),
        "records": len(recordkeys.records()),
        "classes": classes(),
    }


def _hours(left: timedelta) -> str:
    """Say a countdown: ``3 h 12 min``, with a minus (U+2212) once it is over."""
    minutes = int(abs(left).total_seconds() // 60)
    sign = "−" if left < timedelta() else ""
    return f"{sign}{minutes // 60} h {minutes % 60:02d} min"


def keys_destroyed(first: datetime, last: datetime) -> int:
    """Return how many keys of the epochs from ``first`` to ``last``, both included, have been destroyed."""
    return DestroyedKey.objects.filter(epoch__gte=first, epoch__lte=last).values("epoch").distinct().count()
