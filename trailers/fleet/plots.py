"""Lines as SVG paths, drawn by the server: a plot stands before any script and is a picture of numbers.

Every plot has a table beside it; here only geometry, in the units of its own view box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

from ..forecast import Forecast
from ..history import Stretch

#: A line breaks where nothing was measured for more than so many steps.
GAP_STEPS = 2.5
#: Room for a word beside a mark, in the plot's units.
WORD = 60.0


class Spark(NamedTuple):
    """The charge of a day beside its figure: 82 by 24."""

    path: str
    width: int = 82
    height: int = 24


class Tick(NamedTuple):
    """A mark on an axis."""

    at: float
    text: str
    kind: str = ""


@dataclass(frozen=True)
class Plot:
    """Charge as a line, sun as an area, the generator as columns, and what comes as a dotted line."""

    width: int
    height: int
    bottom: int
    soc: str
    sun: str
    generator: list[tuple[float, float, float, str]]
    across: list[Tick]
    up: list[Tick]
    now_x: float
    now_y: float | None = None
    coming: str = ""
    stop_y: float | None = None
    stop_pct: float = 0
    stop_x: float | None = None
    stop_text: str = ""
    sun_most_w: int = 0


def spark(rows: list[Stretch], begin: datetime, end: datetime) -> Spark | None:
    """Return the small line of a day; None where less than two stretches were measured."""
    known = [(row.at, row.soc_pct) for row in rows if row.soc_pct is not None]
    if len(known) < 2:
        return None
    span = (end - begin).total_seconds()
    x = _scale(begin, span, 82)
    return Spark(_line(known, x, lambda pct: 23 - pct / 100 * 22, timedelta(minutes=30)))


def plot(
    rows: list[Stretch], begin: datetime, at: datetime, step: timedelta, *, width: int, height: int = 216,
    ahead: Forecast | None = None, stop_pct: float = 0,
) -> Plot:  # fmt: skip
    """Return the plot from `begin` to `at`, and half as long again where there is a forecast to show."""
    end = max(ahead.points[-1][0], at) if ahead else at
    if ahead and ahead.stops_at is not None:
        end = min(end, max(ahead.stops_at + timedelta(hours=2), at + timedelta(hours=6)))
    elif ahead:
        end = min(end, at + timedelta(hours=12))
    span = (end - begin).total_seconds()
    bottom = height - 26
    x = _scale(begin, span, width)
    y = _up(bottom)
    most_w = max([row.solar_w for row in rows if row.solar_w is not None], default=0.0)
    sun_w = max(200, int(-(-most_w // 100) * 100))
    soc = [(row.at + step / 2, row.soc_pct) for row in rows if row.soc_pct is not None]
    coming = [point for point in ahead.points if point[0] <= end] if ahead else []
    stop_x = x(ahead.stops_at) if ahead and ahead.stops_at and ahead.stops_at <= end else None
    across = [
        tick for tick in _hours(begin, end, x, width) if stop_x is None or abs(tick.at - stop_x) > WORD * 0.6
    ]
    return Plot(
        width=width, height=height, bottom=bottom,
        soc=_line(soc, x, y, step),
        sun=_area([(row.at + step / 2, row.solar_w) for row in rows if row.solar_w is not None], x,
                  lambda watts: bottom - watts / sun_w * (bottom - 22) * 0.55, step, bottom),
        generator=_columns([row.at for row in rows if row.generator], x, step),
        across=across, up=[Tick(y(pct), str(pct)) for pct in (0, 25, 50, 75, 100)],
        now_x=round(x(at), 1), now_y=round(y(soc[-1][1]), 1) if soc else None,
        coming=_line(coming, x, y, timedelta(hours=1)),
        stop_y=round(y(stop_pct), 1) if ahead else None, stop_pct=stop_pct,
        stop_x=None if stop_x is None else round(stop_x, 1),
        stop_text=_clock(ahead.stops_at) if ahead and ahead.stops_at else "", sun_most_w=sun_w,
    )  # fmt: skip


def _scale(begin: datetime, span_s: float, width: float) -> Callable[[datetime], float]:
    return lambda moment: (moment - begin).total_seconds() / span_s * width


def _up(bottom: float, top: float = 22) -> Callable[[float], float]:
    return lambda pct: bottom - pct / 100 * (bottom - top)


def _runs(points: Iterable[tuple[datetime, float]], step: timedelta) -> list[list[tuple[datetime, float]]]:
    runs: list[list[tuple[datetime, float]]] = []
    for point in points:
        if runs and point[0] - runs[-1][-1][0] <= step * GAP_STEPS:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _line(
    points: Iterable[tuple[datetime, float]],
    x: Callable[[datetime], float],
    y: Callable[[float], float],
    step: timedelta,
) -> str:
    """Return the path of a line that breaks where nothing was measured."""
    return "".join(
        "M" + "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in run)
        for run in _runs(points, step)
        if len(run) > 1
    )


def _area(
    points: Iterable[tuple[datetime, float]],
    x: Callable[[datetime], float],
    y: Callable[[float], float],
    step: timedelta,
    bottom: float,
) -> str:
    return "".join(
        f"M{x(run[0][0]):.1f} {bottom}L"
        + "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in run)
        + f"L{x(run[-1][0]):.1f} {bottom}Z"
        for run in _runs(points, step)
        if len(run) > 1
    )


def _columns(
    moments: list[datetime], x: Callable[[datetime], float], step: timedelta
) -> list[tuple[float, float, float, str]]:
    """Return where the machine ran, neighbours as one column: x, width, and where its word stands.

    The word ends above the column, clear of "now" at its right; at the plot's left edge it begins there.
    """
    runs: list[list[datetime]] = []
    for moment in moments:
        if runs and moment - runs[-1][-1] <= step * 1.5:
            runs[-1].append(moment)
        else:
            runs.append([moment])
    columns = [(round(x(run[0]), 1), round(x(run[-1] + step) - x(run[0]), 1)) for run in runs]
    return [(at, wide, at + 8, "end") if at > WORD else (at, wide, at, "start") for at, wide in columns]


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE)):%H:%M}"


def _hours(begin: datetime, end: datetime, x: Callable[[datetime], float], width: int) -> list[Tick]:
    """Return marks at round local hours, or at days where the plot is long; none that would not fit."""
    zone = ZoneInfo(settings.LOCAL_TIME_ZONE)
    span = end - begin
    each = 24 * 5 if span > timedelta(days=10) else 6 if width < 500 or span > timedelta(hours=30) else 3
    local = begin.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    ticks = []
    moment = begin
    while moment < end:
        moment = local + timedelta(hours=1)
        local = moment
        place = x(moment)
        fits = 16 <= place <= width - 16
        if each > 24 and fits and moment.hour == 0 and moment.toordinal() % 5 == 0:
            ticks.append(Tick(round(place, 1), f"{moment:%-d %b}"))
        elif each <= 24 and fits and moment.hour % each == 0:
            ticks.append(Tick(round(place, 1), f"{moment:%H:%M}"))
    return ticks
