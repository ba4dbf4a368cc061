"""A month of figures for every trailer of the demonstration, told through the same service as a trailer's.

The days are the simulator's own (agent/weather.py), so that what was seeded and what comes now are one line:
every ten minutes of the last 24 h, every two hours before. Running it again adds only what is missing.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from agent import weather
from csoc.lib import clock
from trailers import points
from trailers.models import Telemetry, Trailer
from trailers.points import MAX_POINTS, Point

DAY = timedelta(hours=24)
MONTH = timedelta(days=29, hours=12)
FINE, COARSE = timedelta(minutes=10), timedelta(hours=2)
#: A trailer that nobody speaks for stopped telling then; the depot's is plugged in and tells all the same.
SILENT = timedelta(hours=3)


def make(trailer: Trailer, index: int, lat: float, lon: float, *, speaks: bool) -> int:
    """Tell the past month of one trailer; returns how many points were new. Degrees WGS 84."""
    now = clock.now()
    last = Telemetry.objects.filter(trailer=trailer).order_by("-ts").values_list("ts", flat=True).first()
    until = now if speaks else now - SILENT
    told = (
        _point(index, moment, lat, lon, n)
        for n, moment in enumerate(_moments(now))
        if moment < until and (last is None or moment > last)
    )
    taken = 0
    while batch := list(islice(told, MAX_POINTS)):
        taken += points.take_points(trailer=trailer, points=batch, at=now).accepted
    return taken


def _moments(now: datetime) -> Iterator[datetime]:
    """Round moments, so that another start tells the same ones."""
    yield from _every(COARSE, now - MONTH, now - DAY)
    yield from _every(FINE, now - DAY, now)


def _every(step: timedelta, begin: datetime, end: datetime) -> Iterable[datetime]:
    seconds = step.total_seconds()
    moment = datetime.fromtimestamp((begin.timestamp() // seconds + 1) * seconds, begin.tzinfo)
    while moment < end:
        yield moment
        moment += step


def _point(index: int, moment: datetime, lat: float, lon: float, n: int) -> Point:
    said = weather.point(index, moment, lat, lon)
    return msgspec.convert({"ts": clock.wire(moment), "seq": n, "replayed": True, **said}, Point)
