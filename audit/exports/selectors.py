"""Reads of requests for exports."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max, Q, QuerySet

from audit.context import current_actor
from audit.entry import Ref
from audit.models import Checkpoint, Entry, ExportRequest
from csoc.lib.errors import nothing_here

#: A builder that has not beaten for so long is dead, and another takes over.
LEASE = timedelta(seconds=120)
#: An approval that nobody built from lapses.
APPROVAL_LASTS = timedelta(days=7)


def ref(request: ExportRequest) -> Ref:
    """Return how the log names an export."""
    return Ref("export", request.name, request.agency)


def visible_to_actor() -> QuerySet[ExportRequest]:
    """Return the requests of the reader's own agency, newest first."""
    return ExportRequest.objects.filter(agency=current_actor().agency or "").order_by("-asked_at", "-id")


def by_name(name: str) -> ExportRequest:
    """Return one request of the reader's agency. Errors: nothing_here."""
    year, serial = number(name)
    found = visible_to_actor().filter(year=year, serial=serial).first()
    if found is None:
        raise nothing_here()
    return found


def any_by_name(name: str) -> ExportRequest:
    """Return one request of any agency, for the machine's own administrator. Errors: nothing_here."""
    year, serial = number(name)
    found = ExportRequest.objects.filter(year=year, serial=serial).first()
    if found is None:
        raise nothing_here()
    return found


def locked(name: str) -> ExportRequest:
    """Return the request, of any agency, locked until the transaction ends. Errors: nothing_here."""
    year, serial = number(name)
    found = ExportRequest.objects.select_for_update().filter(year=year, serial=serial).first()
    if found is None:
        raise nothing_here()
    return found


def number(name: str) -> tuple[int, int]:
    """Return year and serial of ``EXP-2026-0007``. Errors: nothing_here."""
    head, _dash, rest = name.partition("-")
    year, _dash, serial = rest.partition("-")
    digits = year.isascii() and year.isdigit() and serial.isascii() and serial.isdigit()
    if head != "EXP" or not digits or len(year) != 4 or len(serial) > 9:
        raise nothing_here()
    return int(year), int(serial)


def grant_place(request: ExportRequest) -> int | None:
    """Return where the log has the yes of a second person to the request of the first one, or None.

    The rows of requests can be written by whoever holds the app's role; what is in the log stays there.
    """
    told = Entry.objects.filter(object=f"export:{request.name}", outcome="allowed")
    asked = told.filter(verb="approval.request", actor=request.requester, uid=request.asked_entry)
    granted = told.filter(verb="approval.grant", actor=request.approver).exclude(actor=request.requester)
    parent = str(request.asked_entry)
    places = [row.idx for row in granted if _of_person(row).get("parent") == parent]
    return max(places) if places and any(map(_of_person, asked)) else None


def _of_person(row: Entry) -> dict[str, Any]:
    """Return what a person did; nothing of a program."""
    entry: dict[str, Any] = json.loads(row.line)["e"]
    return entry if entry["actor"]["kind"] == "person" else {}


def sealed_size() -> int:
    """Return how many lines the newest signed checkpoint covers."""
    return int(Checkpoint.objects.aggregate(size=Max("size"))["size"] or 0)


def oldest_waits_s() -> float:
    """Return for how long the oldest entry has waited for its place in the log; 0 when none waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT oldest_s FROM audit_waiting()")
        return float(cursor.fetchone()[0])


def unbuilt(now: datetime) -> QuerySet[ExportRequest]:
    """Return what nobody builds and somebody should, oldest first."""
    waiting = ExportRequest.objects.filter(state__in=("approved", "building"))
    return waiting.filter(_not_held(now)).order_by("id")


def dead(now: datetime) -> QuerySet[ExportRequest]:
    """Return builds whose builder died before the seal: their folder may hold details and is of no use."""
    return ExportRequest.objects.filter(_not_held(now), state="building", seal=None, work__isnull=False)


def overtaken(now: datetime) -> QuerySet[ExportRequest]:
    """Return sealed builds that waited so long that a detail in them is due for deletion."""
    return ExportRequest.objects.filter(state="building", expires_at__lte=now)


def _not_held(now: datetime) -> Q:
    """Match what no living builder holds; a moved clock must not make a lease last for ever."""
    return Q(lease=None) | Q(beat_at__lte=now - LEASE) | Q(beat_at__gte=now + LEASE)


def due(now: datetime) -> QuerySet[ExportRequest]:
    """Return files whose time is over and approvals that lapsed."""
    lapsed = Q(state="approved", decided_at__lt=now - APPROVAL_LASTS)
    return ExportRequest.objects.filter(Q(state="ready", expires_at__lte=now) | lapsed)


def halted() -> bool:
    """True while the sequencer refuses to sign."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM audit_pulse")
        row = cursor.fetchone()
    return row is not None and row[0] == "halted"
