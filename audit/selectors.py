"""Reads of the log: entries for a page, and how far the sequencer is."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from audit import detail
from audit.context import current_actor
from audit.models import Detail, Entry
from csoc.lib import clock
from csoc.lib.sealing import SealBroken

#: Past these the page warns, and shows the fault.
QUIET_S = 5.0
FAULT_S = 60.0
PULSE = "SELECT at, size, extract(epoch FROM clock_timestamp() - at) FROM audit_pulse"


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


def entry(idx: int) -> Entry | None:
    """Return one entry the acting person may see."""
    return entries_visible_to_actor().filter(idx=idx).first()


def details(row: Entry) -> list[tuple[str, str | None]]:
    """Return the erasable values behind ``row`` as (member, JSON text); None where one is gone."""
    told = json.loads(row.line)["e"]
    return [(member, _opened(told[member])) for member in detail.CLASSES if member in told]


def _opened(commitment: str) -> str | None:
    kept = Detail.objects.filter(commitment=bytes.fromhex(commitment)).first()
    if kept is None:
        return None
    try:
        value = detail.open_sealed(bytes(kept.commitment), bytes(kept.sealed), kept.key_id)
    except (FileNotFoundError, SealBroken):
        return None
    return json.dumps(value, ensure_ascii=False, indent=1)


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
    ``behind_s``: seconds the sequencer is behind, by the oldest of them or by its own silence.
    ``size``: entries in the log. ``state``: ok, caution (over 5 s behind) or fault (over 60 s).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT waiting, oldest_s FROM audit_waiting()")
        waiting, oldest_s = cursor.fetchone()
        cursor.execute(PULSE)
        pulse: tuple[Any, ...] = cursor.fetchone() or (None, 0, 0)
    # A pulse comes every second; only when it stops is its age a sign of anything.
    silent_s = float(pulse[2])
    behind_s = max(float(oldest_s), silent_s if silent_s > QUIET_S else 0.0)
    state = "fault" if behind_s > FAULT_S or pulse[0] is None else "caution" if behind_s > QUIET_S else "ok"
    return {
        "sealed_at": clock.wire(pulse[0]),
        "waiting": waiting,
        "behind_s": round(behind_s, 3),
        "size": pulse[1],
        "state": state,
    }
