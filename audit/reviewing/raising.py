"""Walks the sealed log and writes down what somebody has to look at.

Each step is one transaction: the rows, their ``audit.flag`` entries and the cursor stand together or not
at all, so a crash leaves the step to be done again. The cursor's row is locked without waiting: a second
worker at the same moment finds it taken and leaves. Should the cursor ever be set back, what was raised
before is known by (idx, code) and is not raised again.
"""

from datetime import date, timedelta

from django.db import transaction
from django.db.models import Max, QuerySet

from audit.context import acting_as
from audit.entry import Actor, Reason, Ref
from audit.models import Checkpoint, Entry, Lot, Review, ReviewCursor
from audit.record import record
from audit.reviewing import flags, sampling
from csoc.lib import clock

#: Lines of one step; a step holds its locks for well under a second.
STEP_LINES = 2_000
#: As far as a line's time may lag behind one before it (docs/audit-format.md).
LAG = timedelta(seconds=300)


def raise_flags(*, actor: Actor) -> bool:
    """Look at the next sealed lines and raise their flags; True when more lines wait."""
    with transaction.atomic(durable=True), acting_as(actor):
        step = _take("flags")
        if step is None:
            return False
        cursor, end = step
        rows = flags.candidates(cursor.idx, end)
        past = flags.Past(rows)
        _raise([(row, code) for row in rows for code in flags.codes(row, past)])
        return _done(cursor, end)


def draw_samples(*, actor: Actor) -> bool:
    """Draw among the views of the next sealed lines; True when more lines wait."""
    with transaction.atomic(durable=True), acting_as(actor):
        step = _take("sample")
        if step is None:
            return False
        cursor, end = step
        new = _views().filter(idx__gte=cursor.idx, idx__lt=end)
        for agency, week in sorted({(row.agency, sampling.week_of(row.at)) for row in new}):
            _draw(agency, week, end)
        return _done(cursor, end)


def sealed_size() -> int:
    """Return how many lines the newest signed checkpoint covers."""
    return int(Checkpoint.objects.aggregate(size=Max("size"))["size"] or 0)


def _take(name: str) -> tuple[ReviewCursor, int] | None:
    """Return the locked cursor and where its step ends; None when there is nothing, or another works."""
    cursor = ReviewCursor.objects.select_for_update(skip_locked=True).filter(name=name).first()
    if cursor is None or cursor.idx >= sealed_size():
        return None
    return cursor, min(cursor.idx + STEP_LINES, sealed_size())


def _done(cursor: ReviewCursor, end: int) -> bool:
    cursor.idx = end
    cursor.save(update_fields=["idx"])
    return end < sealed_size()


def _views() -> QuerySet[Entry]:
    return Entry.objects.filter(verb__in=sorted(flags.VIEWS), outcome="allowed")


def _draw(agency: str, week: date, end: int) -> None:
    """Raise whoever is in the week's lot up to line ``end`` and was not raised yet."""
    begin, over = sampling.span_of(week)
    rows = _views().filter(agency=agency, at__gte=begin, at__lt=over, idx__lt=end)
    uids = [str(uid) for uid in rows.order_by("idx").values_list("uid", flat=True)]
    drawn = sampling.lot(bytes.fromhex(_lot_of(agency, week).seed), uids)
    known = set(Review.objects.filter(code=flags.SAMPLE, uid__in=drawn).values_list("uid", flat=True))
    fresh = rows.filter(uid__in=drawn).exclude(uid__in=known)
    _raise([(row, flags.SAMPLE) for row in fresh.order_by("idx")])


def _lot_of(agency: str, week: date) -> Lot:
    """Return the week's seed as it was first taken, or take it now: see ``audit.reviewing.sampling``."""
    known = Lot.objects.filter(agency=agency, week=week).first()
    if known is not None:
        return known
    first = _first_line_of(week)
    checkpoint = Checkpoint.objects.filter(size__gt=first).order_by("size")[0]
    return Lot.objects.create(
        agency=agency, week=week, size=checkpoint.size, seed=bytes(checkpoint.root).hex()
    )


def _first_line_of(week: date) -> int:
    """Return the smallest index in the week: its ``t`` lags the smallest one by 300 s at most."""
    begin, over = sampling.span_of(week)
    lines = Entry.objects.filter(at__gte=begin, at__lt=over)
    earliest = lines.order_by("at").values_list("at", flat=True)[0]
    return min(lines.filter(at__lte=earliest + LAG).values_list("idx", flat=True))


def _raise(found: list[tuple[Entry, str]]) -> None:
    indexes = {row.idx for row, _code in found}
    known = set(Review.objects.filter(idx__in=indexes).values_list("idx", "code"))
    now = clock.now()
    for row, code in found:
        if (row.idx, code) in known:
            continue
        agency = flags.agency_of(row)
        Review.objects.create(
            idx=row.idx, uid=row.uid, code=code, agency=agency, subject=flags.person_number(row.actor),
            raised_at=now, due_at=flags.due(code, row.at, now),
        )  # fmt: skip
        record("audit.flag", Ref("entry", str(row.idx), agency), reason=Reason(code), parent=row.uid)
