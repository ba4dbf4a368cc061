"""Reads of the log: entries for a page, and how far the sequencer is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from audit.context import current_actor
from audit.models import Entry
from csoc.lib import clock


@dataclass(frozen=True, slots=True)
class Filter:
    """What to show. ``verb`` and ``object`` may end in ``*``; ``before`` is the index to page from."""

    actor: str = ""
    object: str = ""
    verb: str = ""
    since: datetime | None = None
    before: int | None = None


def entries_visible_to_actor() -> QuerySet[Entry]:
    """Return the entries about the reader's own agency, and those about none."""
    return Entry.objects.filter(agency__in=["", current_actor().agency or ""])


def entries(wanted: Filter, limit: int) -> list[Entry]:
    """Return at most ``limit`` entries the acting person may see, newest first."""
    found = entries_visible_to_actor()
    if wanted.actor:
        found = found.filter(actor=wanted.actor)
    if wanted.object:
        found = found.filter(_matching_object(wanted.object))
    if wanted.verb:
        found = found.filter(_matching("verb", wanted.verb))
    if wanted.since:
        found = found.filter(at__gte=wanted.since)
    if wanted.before is not None:
        found = found.filter(idx__lt=wanted.before)
    return list(found.order_by("-idx")[:limit])


def _matching(field: str, text: str) -> Q:
    if text.endswith("*"):
        return Q(**{f"{field}__startswith": text[:-1]})
    return Q(**{field: text})


def _matching_object(text: str) -> Q:
    """Find ``trailer:TRL-0007`` as written, and a bare ``TRL-0007`` under any type."""
    if ":" in text or text.endswith("*"):
        return _matching("object", text)
    types = ["trailer", "deployment", "alert", "user", "session", "hotlist", "key", "log"]
    return Q(object__in=[f"{name}:{text}" for name in types])


def sealed_status() -> dict[str, Any]:
    """Return how far the log is sealed.

    ``sealed_at``: wire time of the sequencer's last sign of life (everything before has its place in
    the log, save ``waiting``), None before the first. ``waiting``: entries not yet placed.
    ``behind_s``: age of the oldest of them in seconds. ``size``: entries in the log.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT waiting, oldest_s FROM audit_waiting()")
        waiting, oldest_s = cursor.fetchone()
        cursor.execute("SELECT at, size FROM audit_pulse")
        pulse: Mapping[int, Any] | tuple[Any, ...] = cursor.fetchone() or (None, 0)
    return {
        "sealed_at": clock.wire(pulse[0]),
        "waiting": waiting,
        "behind_s": round(float(oldest_s), 3),
        "size": pulse[1],
    }
