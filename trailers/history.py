"""Reading what trailers measured: averages over stretches of time, for plots and forecasts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from .forecast import Sample

DAY = timedelta(hours=24)
MONTH = timedelta(days=30)

#: One row a trailer and stretch: means of what was measured, and whether the generator ran at all.
_STRETCHES = """
SELECT trailer_id, date_bin(%(step)s, ts, %(since)s) AS at, avg(battery_soc_pct), avg(solar_w), avg(load_w),
       bool_or(gen_state = 'running'), avg(fuel_pct), avg(cabinet_c), count(*)
FROM trailers_telemetry
WHERE trailer_id = ANY(%(trailers)s) AND ts >= %(since)s AND ts < %(until)s
GROUP BY 1, 2 ORDER BY 1, 2
"""


class Stretch(NamedTuple):
    """What was measured between `at` and a step later; None where nothing of it was."""

    at: datetime
    soc_pct: float | None
    solar_w: float | None
    load_w: float | None
    generator: bool
    fuel_pct: float | None
    cabinet_c: float | None
    points: int


def stretches(
    trailers: Iterable[int], since: datetime, until: datetime, step: timedelta
) -> dict[int, list[Stretch]]:
    """Return the stretches of each trailer from `since` to `until`, in order of time: one query for all."""
    wanted = list(trailers)
    found: dict[int, list[Stretch]] = {trailer: [] for trailer in wanted}
    values: dict[str, Any] = {"trailers": wanted, "since": since, "until": until, "step": step}
    with connection.cursor() as cursor:
        cursor.execute(_STRETCHES, values)
        for trailer, at, soc, solar, load, ran, fuel, cabinet, count in cursor.fetchall():
            found[trailer].append(Stretch(at, soc, solar, load, bool(ran), fuel, cabinet, count))
    return found


def samples(rows: Iterable[Stretch]) -> list[Sample]:
    """Return what a forecast is made from."""
    return [
        Sample(row.at, row.soc_pct, row.solar_w, row.generator) for row in rows if row.soc_pct is not None
    ]
