"""Reports that are missing: a gap in a trailer's count older than two minutes is told, and taken back.

Intake only writes down each number; this counts them in every few seconds (``alerts.tasks``), so that no two
alerts of a trailer wait for one row. A missed run makes the news later, never wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction

import audit
from alerts.counting import Count, Hole, Seen
from alerts.models import Alert, NumberCount, NumberGap, SeenNumber
from alerts.policies import TOO_OLD_AFTER
from alerts.selectors import locked
from alerts.telling import event, push
from csoc.lib import clock
from trailers.models import Trailer
from trailers.reports import note_missing
from trailers.selectors import trailer_ref

#: A report may be a little late: a weak link, a second try.
MISSING_AFTER = timedelta(minutes=2)
#: Each gap that is told is an entry and a line of an alert: so many a run and trailer, the rest in the next.
#: The purge and the ends of deployments wait for the same worker.
MOST_TOLD = 20
FLAG = "gap"
#: In the log and the timeline: missing in more places than are followed one by one.
MANY = "many-gaps"
#: Any number that no other advisory lock of ours uses.
_LOCK = 0x6E756D62
_TAKE = "DELETE FROM alerts_seennumber WHERE trailer_id = %s RETURNING seq, at, occurred_at"


def watch_numbers(*, actor: audit.Actor) -> int:
    """Count in what came, and tell of what has been missing for two minutes; returns how many trailers."""
    waiting = SeenNumber.objects.values_list("trailer_id", flat=True).distinct()
    open_gaps = NumberGap.objects.filter(ended_at=None).values_list("trailer_id", flat=True).distinct()
    due = sorted({*waiting, *open_gaps})
    for trailer_id in due:
        with transaction.atomic():
            _watch(Trailer.objects.select_related("agency").get(pk=trailer_id), clock.now())
    return len(due)


def _watch(trailer: Trailer, now: datetime) -> None:
    with connection.cursor() as cursor:
        # Two runs at once would count the same gap twice.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_TAKE, [trailer.pk])
        came = sorted((Seen(*row) for row in cursor.fetchall()), key=lambda seen: (seen.at, seen.seq))
    gaps = list(NumberGap.objects.filter(trailer=trailer, ended_at=None).order_by("first"))
    before = _missing(gaps)
    _count_in(trailer, came, gaps, now)
    due = NumberGap.objects.filter(
        trailer=trailer, ended_at=None, told_at=None, since__lte=now - MISSING_AFTER
    )
    for gap in due.order_by("since", "first")[:MOST_TOLD]:
        _tell(trailer, gap, now)
    # After that, and only what was told: a run that was long in coming forgets nothing unsaid.
    _lapse(trailer, now)
    after = _missing(NumberGap.objects.filter(trailer=trailer, ended_at=None))
    if after != before:
        note_missing(trailer=trailer, n=after, actor=audit.current_actor())


def _missing(gaps: Iterable[NumberGap]) -> int:
    """How many reports are told to be missing."""
    return sum(gap.count for gap in gaps if gap.told_at is not None)


def _count_in(trailer: Trailer, came: list[Seen], gaps: list[NumberGap], now: datetime) -> None:
    if not came:
        return
    kept = NumberCount.objects.filter(trailer=trailer).first()
    count = Count(kept.top, kept.top_occurred_at, kept.odd) if kept else Count()
    count.holes = [Hole(gap.first, gap.last, gap.since, gap.pk, gap.many) for gap in gaps]
    forgotten: list[Hole] = []
    for seen in came:
        before = count.holes
        if count.take(seen):
            forgotten += before
    assert count.top is not None
    NumberCount.objects.update_or_create(
        trailer=trailer,
        defaults={"top": count.top, "top_occurred_at": count.top_occurred_at, "odd": count.odd},
    )
    _keep(trailer, count.holes, gaps, forgotten, now)


def _keep(
    trailer: Trailer, holes: list[Hole], gaps: list[NumberGap], forgotten: list[Hole], now: datetime
) -> None:
    """Make the rows say what the holes are: parts of one row share its alert and when it was told."""
    parts: dict[int | None, list[Hole]] = {}
    for hole in holes:
        parts.setdefault(hole.key, []).append(hole)
    fresh = [
        NumberGap(trailer=trailer, first=hole.first, last=hole.last, since=hole.since, many=hole.many)
        for hole in parts.pop(None, [])
    ]
    for gap in gaps:
        if gap.pk not in parts:
            _end(gap, _why(gap, holes, forgotten), now)
            continue
        kept, *others = parts[gap.pk]
        if (gap.first, gap.last) != (kept.first, kept.last):
            gap.first, gap.last = kept.first, kept.last
            gap.save(update_fields=["first", "last"])
        fresh += [
            NumberGap(
                trailer=trailer, first=part.first, last=part.last, since=gap.since, told_at=gap.told_at,
                alert=gap.alert,
            )
            for part in others
        ]  # fmt: skip
    NumberGap.objects.bulk_create(fresh)


def _why(gap: NumberGap, holes: list[Hole], forgotten: list[Hole]) -> str:
    """Why nothing is left of a gap; ``forgotten``: the holes that stood when the counter began again."""
    if any(hole.key == gap.pk or _holds(hole, gap) for hole in forgotten):
        return NumberGap.End.RESTARTED
    return NumberGap.End.MERGED if any(_holds(hole, gap) for hole in holes) else NumberGap.End.FILLED


def _holds(hole: Hole, gap: NumberGap) -> bool:
    """Whether a gap became part of a hole that stands for many."""
    return hole.many and hole.first <= gap.first and gap.last <= hole.last


def _lapse(trailer: Trailer, now: datetime) -> None:
    told = NumberGap.objects.filter(trailer=trailer, ended_at=None).exclude(told_at=None)
    for gap in told.filter(since__lte=now - TOO_OLD_AFTER):
        _end(gap, NumberGap.End.LAPSED, now)


def _tell(trailer: Trailer, gap: NumberGap, now: datetime) -> None:
    """On the alert after the gap, on the trailer, and in the log."""
    gap.told_at = now
    after = Alert.objects.filter(trailer=trailer, seq__gt=gap.last, received_at__gte=gap.since)
    gap.alert_id = after.order_by("seq").values_list("pk", flat=True).first()
    gap.save(update_fields=["told_at", "alert"])
    code = MANY if gap.many else None
    audit.record("alert.gap", trailer_ref(trailer), outcome=audit.Outcome("allowed", code=code, n=gap.count))
    if gap.alert_id is not None:
        alert = locked(gap.alert_id)
        if FLAG not in alert.flags:
            alert.flags = [*alert.flags, FLAG]
        _changed(alert, "alert.gap", code or str(gap.count), now)


def _end(gap: NumberGap, end: str, now: datetime) -> None:
    """What was never told leaves nothing; what became part of many is told with that, and not as an end."""
    if gap.told_at is None:
        gap.delete()
        return
    gap.ended_at, gap.end = now, end
    gap.save(update_fields=["ended_at", "end"])
    if end == NumberGap.End.MERGED:
        return
    trailer = gap.trailer
    outcome = audit.Outcome("allowed", code=end, n=gap.count)
    audit.record("alert.gap_end", trailer_ref(trailer), outcome=outcome)
    if gap.alert_id is not None:
        alert = locked(gap.alert_id)
        others = NumberGap.objects.filter(alert=alert, ended_at=None).exists()
        if end == NumberGap.End.FILLED and not others:
            alert.flags = [flag for flag in alert.flags if flag != FLAG]
        _changed(alert, "alert.gap_end", end, now)


def _changed(alert: Alert, verb: str, code: str, now: datetime) -> None:
    alert.version += 1
    alert.save(update_fields=["version", "flags"])
    event(alert, verb, now, code=code)
    if alert.is_open:
        push(alert)
