"""When the battery will be so low that the sensors stop: tomorrow as today.

Method (persistence over one day, the usual yardstick for solar power): the charge follows the sun, so the
change of each hour of the coming day is taken to be that of the same hour of the last 24. Starting from the
last figure those changes are added up, from 0 to 100 %, until the charge is at the limit. Hours in which the
generator ran say nothing of tomorrow; for them stands the mean change of the hours without sun. With fewer
than 20 of the 24 hours measured there is no forecast. It knows nothing of weather to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

HOUR = timedelta(hours=1)
DAY_H = 24
ENOUGH_H = 20


class Sample(NamedTuple):
    """One stretch of measured time: charge in per cent, sun in watts, and whether the generator ran."""

    at: datetime
    soc_pct: float
    solar_w: float | None
    generator: bool


class Forecast(NamedTuple):
    """The charge hour by hour from the last figure on, and when it reaches the limit (None: not in a day)."""

    points: list[tuple[datetime, float]]
    stops_at: datetime | None


def forecast(samples: Sequence[Sample], stop_pct: float) -> Forecast | None:
    """Return the coming day after `samples` (in order of time), None where too little was measured."""
    if not samples:
        return None
    last = samples[-1]
    changes = _changes(samples, last.at)
    dark = [change.pct for change in changes.values() if change.dark and not change.generator]
    usable = {hour: change.pct for hour, change in changes.items() if not change.generator}
    if len(changes) < ENOUGH_H or not usable:
        return None
    instead = sum(dark) / len(dark) if dark else min(usable.values())
    points = [(last.at, last.soc_pct)]
    stops_at = last.at if last.soc_pct <= stop_pct else None
    for hour in range(DAY_H):
        before, at = points[-1][1], points[-1][0]
        # The hour that began 24 h before this one.
        after = min(100.0, max(0.0, before + usable.get(hour, instead)))
        if stops_at is None and after <= stop_pct < before:
            stops_at = at + HOUR * ((before - stop_pct) / (before - after))
        points.append((at + HOUR, after))
    return Forecast(points, stops_at)


class _Change(NamedTuple):
    pct: float
    dark: bool
    generator: bool


def _changes(samples: Sequence[Sample], end: datetime) -> dict[int, _Change]:
    """The change of each of the 24 hours before `end`, by how many hours after their beginning they began."""
    begin = end - DAY_H * HOUR
    found: dict[int, _Change] = {}
    for hour in range(DAY_H):
        start, stop = begin + hour * HOUR, begin + (hour + 1) * HOUR
        inside = [one for one in samples if start <= one.at <= stop]
        if len(inside) < 2:
            continue
        span_h = (inside[-1].at - inside[0].at) / HOUR
        if span_h < 0.25:
            continue
        pct = (inside[-1].soc_pct - inside[0].soc_pct) / span_h
        dark = all(one.solar_w is not None and one.solar_w < 1 for one in inside)
        found[hour] = _Change(pct, dark, any(one.generator for one in inside))
    return found
