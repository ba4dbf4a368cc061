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
FLAG = "gap"
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
    gaps = list(NumberGap.objects.filter(trailer=trailer, ended_at=None))
    before = _missing(gaps)
    _count_in(trailer, came, gaps, now)
    _lapse(trailer, now)
    for gap in NumberGap.objects.filter(
        trailer=trailer, ended_at=None, told_at=None, since__lte=now - MISSING_AFTER
    ):
        _tell(trailer, gap, now)
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
    count.holes = [Hole(gap.first, gap.last, gap.since, gap.pk) for gap in gaps]
    restarted: set[int | None] = set()
    for seen in came:
        open_before = {hole.key for hole in count.holes}
        if count.take(seen):
            restarted |= open_before
    assert count.top is not None
    NumberCount.objects.update_or_create(
        trailer=trailer,
        defaults={"top": count.top, "top_occurred_at": count.top_occurred_at, "odd": count.odd},
    )
    _keep(trailer, count.holes, gaps, restarted, now)


def _keep(
    trailer: Trailer, holes: list[Hole], gaps: list[NumberGap], restarted: set[int | None], now: datetime
) -> None:
    """Make the rows say what the holes are: parts of one row share its alert and when it was told."""
    for gap in gaps:
        parts = [hole for hole in holes if hole.key == gap.pk]
        if not parts:
            _end(gap, NumberGap.End.RESTARTED if gap.pk in restarted else NumberGap.End.FILLED, now)
            continue
        gap.first, gap.last = parts[0].first, parts[0].last
        gap.save(update_fields=["first", "last"])
        for part in parts[1:]:
            NumberGap.objects.create(
                trailer=trailer, first=part.first, last=part.last, since=gap.since, told_at=gap.told_at,
                alert=gap.alert,
            )  # fmt: skip
    for hole in holes:
        if hole.key is None:
            NumberGap.objects.create(trailer=trailer, first=hole.first, last=hole.last, since=hole.since)


def _lapse(trailer: Trailer, now: datetime) -> None:
    for gap in NumberGap.objects.filter(trailer=trailer, ended_at=None, since__lte=now - TOO_OLD_AFTER):
        _end(gap, NumberGap.End.LAPSED, now)


def _tell(trailer: Trailer, gap: NumberGap, now: datetime) -> None:
    """On the alert after the gap, on the trailer, and in the log."""
    gap.told_at = now
    after = Alert.objects.filter(trailer=trailer, seq__gt=gap.last, received_at__gte=gap.since)
    gap.alert_id = after.order_by("seq").values_list("pk", flat=True).first()
    gap.save(update_fields=["told_at", "alert"])
    audit.record("alert.gap", trailer_ref(trailer), outcome=audit.Outcome("allowed", n=gap.count))
    if gap.alert_id is not None:
        alert = locked(gap.alert_id)
        if FLAG not in alert.flags:
            alert.flags = [*alert.flags, FLAG]
        _changed(alert, "alert.gap", str(gap.count), now)


def _end(gap: NumberGap, end: str, now: datetime) -> None:
    gap.ended_at, gap.end = now, end
    gap.save(update_fields=["ended_at", "end"])
    if gap.told_at is None:
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
