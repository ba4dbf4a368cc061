"""What was refused, for people: trailer by code, by the hour or the day. Numbers, never what was sent."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F, Max, Q, QuerySet, Sum
from django.db.models.functions import TruncDay, TruncHour

from alerts.models import RefusalCount
from trailers.counters import KEPT
from trailers.models import RefusalHour, Trailer
from trailers.selectors import trailers_visible_to

#: The name of the row of those who could not be known.
NOBODY = "unsigned"


class Period(NamedTuple):
    """How far back a page looks, and how wide one bar is."""

    key: str
    bars: int
    by_hour: bool

    def start(self, at: datetime) -> datetime:
        """The beginning of the first bar: a whole hour, or a local midnight."""
        if self.by_hour:
            return at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=self.bars - 1)
        local = at.astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE))
        first = (local - timedelta(days=self.bars - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return max(first, at - KEPT)


PERIODS = {
    "24h": Period("24h", 24, True),
    "7d": Period("7d", 7, False),
    "30d": Period("30d", 30, False),
}


class Bar(NamedTuple):
    """One bar: its beginning, how many, and its height in hundredths of the highest of the page."""

    at: datetime
    n: int
    height: int

    @property
    def top(self) -> int:
        """Where it begins, from above."""
        return 100 - self.height


@dataclass
class Row:
    """One trailer, or nobody known: how many of each code, when last, and the bars."""

    trailer: Trailer | None
    counts: Counter[str] = field(default_factory=Counter)
    last_at: datetime | None = None
    by_bar: Counter[datetime] = field(default_factory=Counter)
    bars: list[Bar] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All codes together."""
        return self.counts.total()

    @property
    def most(self) -> Bar | None:
        """The highest bar."""
        return max(self.bars, key=lambda bar: bar.n, default=None)

    def take(self, code: str, bar: datetime, n: int, last_at: datetime) -> None:
        """Add what one bar holds of one code."""
        self.counts[code] += n
        self.by_bar[bar] += n
        self.last_at = max(self.last_at, last_at) if self.last_at else last_at


@dataclass(frozen=True)
class Table:
    """`codes` in the order of the columns, most first; `rows` with the most refusals first."""

    codes: list[str]
    rows: list[Row]
    totals: Counter[str]
    since: datetime

    @property
    def total(self) -> int:
        """All refusals of the page; a template that asks a Counter for `total` gets a code of that name."""
        return self.totals.total()


def table(user: Any, period: Period, chosen: str, at: datetime) -> Table:
    """Return what was refused in the period to the trailers of the user's agency, and to nobody known.

    chosen: a trailer's name, `unsigned`, or "" for all.
    """
    trailers = {one.pk: one for one in trailers_visible_to(user)}
    wanted = {pk: one for pk, one in trailers.items() if chosen in ("", one.name)}
    start, zone = period.start(at), ZoneInfo(settings.LOCAL_TIME_ZONE)
    rows: dict[int | None, Row] = defaultdict(lambda: Row(None))
    whose = Q(trailer__in=wanted) | (Q(trailer=None) if chosen in ("", NOBODY) else Q(pk__in=()))
    sources = (
        (RefusalHour.objects.filter(whose, hour__gte=start), "hour", "last_at"),
        # What its minute has not been written to the log yet.
        (RefusalCount.objects.filter(trailer__in=wanted, minute__gte=start), "minute", "minute"),
    )
    for found, moment, last in sources:
        for pk, code, bar, n, last_at in _summed(found, period, moment, last, zone):
            rows[pk].trailer = trailers.get(pk)
            rows[pk].take(code, bar, n, last_at)
    totals: Counter[str] = sum((row.counts for row in rows.values()), Counter())
    codes = [code for code, _n in sorted(totals.items(), key=lambda one: (-one[1], one[0]))]
    _draw(list(rows.values()), period, start, codes)
    ordered = sorted(rows.values(), key=lambda row: (-row.total, row.trailer.number if row.trailer else 0))
    return Table(codes, ordered, totals, start)


def quiet_since(user: Any, chosen: str, at: datetime) -> datetime:
    """Return since when nothing was refused: the last refusal kept, else as far back as it is counted."""
    trailers = [one for one in trailers_visible_to(user) if chosen in ("", one.name)]
    whose = Q(trailer__in=trailers) | (Q(trailer=None) if chosen in ("", NOBODY) else Q(pk__in=()))
    last = RefusalHour.objects.filter(whose).aggregate(last=Max("last_at"))["last"]
    first = min((one.created_at for one in trailers), default=at)
    return last or max(first, at - KEPT)


def _summed(found: QuerySet[Any], period: Period, moment: str, last: str, zone: ZoneInfo) -> Any:
    cut = TruncHour(moment, tzinfo=zone) if period.by_hour else TruncDay(moment, tzinfo=zone)
    return (
        found.annotate(bar=cut)
        .values("trailer", "code", "bar")
        .annotate(total=Sum("n"), latest=Max(F(last)))
        .values_list("trailer", "code", "bar", "total", "latest")
        .order_by()
    )


def _draw(rows: list[Row], period: Period, start: datetime, codes: list[str]) -> None:
    """Give each row its bars, all of one scale, and its cells in the order of the columns."""
    zone = ZoneInfo(settings.LOCAL_TIME_ZONE)
    begin = start.astimezone(zone)
    if not period.by_hour:
        begin = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        moments = [begin + timedelta(days=day) for day in range(period.bars)]
    else:
        moments = [(start + timedelta(hours=hour)).astimezone(zone) for hour in range(period.bars)]
    highest = max((n for row in rows for n in row.by_bar.values()), default=0)
    for row in rows:
        row.cells = [row.counts[code] for code in codes]
        for moment in moments:
            n = row.by_bar[moment]
            # What is there at all can be seen.
            row.bars.append(Bar(moment, n, max(6, round(100 * n / highest)) if n else 0))
