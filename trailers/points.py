"""`POST /api/v1/telemetry/`: the closed shape of a point, and taking what is new of up to 200 of them.

What a trailer measures of itself goes to its rows, not to the log: no person acts and none is described.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from csoc.lib import clock, events
from csoc.lib.errors import Refused

from . import fence, watch
from .models import Condition, DesiredState, Telemetry, Trailer, TrailerStatus
from .schemas import FaultCode, Moment, Position, Report, pointer_of, schema

MAX_POINTS = 200
KEPT = timedelta(days=30)
AHEAD = timedelta(seconds=30)
#: A point older than this when it comes says how it was, not how it is.
LIVE = timedelta(minutes=5)
#: A trailer that tells its place over the channel is judged by that: its points would count a fix twice.
CHANNEL_FIX = timedelta(seconds=90)
DISK_LOOK = timedelta(seconds=10)

Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Watts = Annotated[float, msgspec.Meta(ge=0, le=100_000)]
Amperes = Annotated[float, msgspec.Meta(ge=-10_000, le=10_000)]
Celsius = Annotated[float, msgspec.Meta(ge=-100, le=150)]
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Generator = Literal[
    "off", "on", "idle", "ready", "stopped", "starting", "running", "stopping", "cooling", "fault"
]


class Power(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Battery (`battery_a` negative: it discharges), sun, load, generator and its fuel."""

    battery_soc_pct: Percent | None = None
    battery_v: Annotated[float, msgspec.Meta(ge=0, le=2_000)] | None = None
    battery_a: Amperes | None = None
    battery_c: Celsius | None = None
    solar_w: Watts | None = None
    load_w: Watts | None = None
    gen_state: Generator | None = None
    gen_hours_s: Whole | None = None
    fuel_pct: Percent | None = None


class Site(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Door, tilt from the vertical, and the receiver's fix (WGS 84)."""

    door: bool | Literal["open", "closed"] | None = None
    tilt_deg: Annotated[float, msgspec.Meta(ge=0, le=180)] | None = None
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    satellites: Annotated[int, msgspec.Meta(ge=0, le=200)] | None = None


class Health(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the cabinet and the computer are: figures and codes, no sentence anywhere."""

    cabinet_c: Celsius | None = None
    cpu_c: Celsius | None = None
    cpu_pct: Percent | None = None
    memory_pct: Percent | None = None
    disk_free_pct: Percent | None = None
    disk_free_mb: Whole | None = None
    uptime_s: Whole | None = None
    agent_version: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,31}\Z")] | None = None
    clock_source: Literal["gnss", "ntp", "rtc"] | None = None
    clock_error_ms: Annotated[float, msgspec.Meta(ge=0, le=10**9)] | None = None
    hotlist_version: Whole | None = None
    #: When the list that the trailer has was issued.
    hotlist_issued_at: Moment | None = None
    link: Literal["ethernet", "wifi", "lte", "5g", "satellite"] | None = None
    rssi_dbm: Annotated[float, msgspec.Meta(ge=-200, le=50)] | None = None
    #: Reports that wait to be sent, and reports that were lost for want of room.
    buffered: Whole | None = None
    dropped: Whole | None = None
    faults: Annotated[list[FaultCode], msgspec.Meta(max_length=20)] | None = None


class Point(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One point; `seq` counts points, apart from alerts."""

    ts: Moment
    seq: Whole
    power: Power | None = None
    site: Site | None = None
    health: Health | None = None
    replayed: bool | None = None


# As in trailers/schemas.py.
msgspec.json.Decoder(list[Point])


class Taken(msgspec.Struct, frozen=True):
    """How many points were new, and how many were known."""

    accepted: int
    duplicate: int


def points_of(value: Any) -> list[Point]:
    """Return the points of a parsed body. Errors: Refused 413 `too-large`, 422 `schema`."""
    if isinstance(value, list) and len(value) > MAX_POINTS:
        raise Refused("too-large", _("At most %(most)d points at once.") % {"most": MAX_POINTS}, 413)
    try:
        return msgspec.convert(value, list[Point])
    except msgspec.ValidationError as error:
        raise schema(pointer_of(error), "invalid") from None


def times_of(points: Sequence[Point], at: datetime) -> list[datetime]:
    """Return the points' times. Errors: Refused 422 `schema` (`future`, `invalid`), 410 `too-old`."""
    times = [_time(point.ts, f"/{place}/ts") for place, point in enumerate(points)]
    for place, point in enumerate(points):
        if point.health is not None and point.health.hotlist_issued_at is not None:
            _time(point.health.hotlist_issued_at, f"/{place}/health/hotlist_issued_at")
    for place, moment in enumerate(times):
        if moment > at + AHEAD:
            raise schema(f"/{place}/ts", "future")
        if moment <= at - KEPT:
            raise Refused("too-old", _("Telemetry is kept for 30 days; this is older."), 410)
    return times


def _time(text: str, pointer: str) -> datetime:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise schema(pointer, "invalid") from None


def take_points(*, trailer: Trailer, points: Sequence[Point], at: datetime) -> Taken:
    """Keep what is new of `points`, whole or not at all, and judge the trailer by the newest.

    The same trailer, time and number again is a duplicate. A live fix counts against the fence (H4) where
    the channel tells none. Errors: as `times_of`; Refused 503 `unavailable` while the disk is short.
    """
    times = times_of(points, at)
    room_for_points(clock.now())
    rows = _rows(trailer, points, times, at)
    with transaction.atomic(durable=False):
        # Before any lock: whoever ends a deployment locks it before the trailer's rows.
        if _fence(TrailerStatus.objects.get(trailer=trailer), _new(trailer, rows), at):
            events.emit("trailer.moved", trailer=trailer)
        status = TrailerStatus.objects.select_for_update().get(trailer=trailer)
        fresh = _new(trailer, rows)
        Telemetry.objects.bulk_create(fresh)
        if fresh:
            _fence(status, fresh, at)
            _follow(trailer, status, fresh, at)
    return Taken(len(fresh), len(rows) - len(fresh))


def _rows(
    trailer: Trailer, points: Sequence[Point], times: Sequence[datetime], at: datetime
) -> list[Telemetry]:
    rows = []
    for point, moment in zip(points, times, strict=True):
        power, site, health = _known(point.power), _known(point.site), _known(point.health)
        door = site.pop("door", None)
        rows.append(
            Telemetry(
                trailer=trailer, ts=moment, seq=point.seq, received_at=at, replayed=bool(point.replayed),
                door_open=door == "open" if isinstance(door, str) else door,
                cabinet_c=health.pop("cabinet_c", None), health=health, **site, **power,
            )
        )  # fmt: skip
    return rows


def _known(part: msgspec.Struct | None) -> dict[str, Any]:
    said = {} if part is None else msgspec.structs.asdict(part)
    return {name: value for name, value in said.items() if value is not None}


def _new(trailer: Trailer, rows: list[Telemetry]) -> list[Telemetry]:
    """Leave out what stands already, and what the body says twice; in order of time."""
    first: dict[tuple[datetime, int], Telemetry] = {}
    for row in rows:
        first.setdefault((row.ts, row.seq), row)
    standing = Telemetry.objects.filter(trailer=trailer, ts__in={row.ts for row in rows})
    known = set(standing.values_list("ts", "seq"))
    return [first[key] for key in sorted(first) if key not in known]


def _follow(trailer: Trailer, status: TrailerStatus, fresh: list[Telemetry], at: datetime) -> None:
    """Bring the trailer's condition up to its newest point, and judge it."""
    before = Condition.objects.filter(trailer=trailer).first()
    newer = [row for row in fresh if before is None or row.ts > before.ts]
    if newer:
        # Read anew: the key that signed carries a trailer as it once was.
        lon = status.lon if status.lon is not None else DesiredState.objects.get(trailer=trailer).lon
        watch.advance(trailer, before, newer, lon).save()
        soc = newer[-1].battery_soc_pct
        if soc is not None and at - newer[-1].ts <= LIVE:
            # The board's figure follows a live point, so that both screens say the same.
            status.battery_soc_pct = soc
    status.version += 1
    status.save()
    watch.judge_trailer(trailer.pk, at)


def _fence(status: TrailerStatus, rows: list[Telemetry], at: datetime) -> bool:
    """Follow live fixes where the channel tells none; True when the trailer has left its point (H4)."""
    told = status.fix_at is not None and at - status.fix_at <= CHANNEL_FIX and bool(status.fix_said)
    fixes = [row for row in rows if row.lat is not None and row.lon is not None and at - row.ts <= LIVE]
    if told or not fixes:
        return False
    desired = DesiredState.objects.get(trailer_id=status.trailer_id)
    for row in fixes[-fence.MOVED_AFTER :]:
        assert row.lat is not None and row.lon is not None
        report = Report(position=Position(row.lat, row.lon, row.satellites))
        status.off_point_fixes = fence.off_point(status, desired, report, at)
        status.lat, status.lon, status.satellites = row.lat, row.lon, row.satellites
        status.fix_at, status.fix_said, status.accuracy_m = row.ts, "", None
    return status.off_point_fixes >= fence.MOVED_AFTER


_disk: dict[str, Any] = {"looked_at": None, "free_mb": 0.0}


def room_for_points(at: datetime) -> None:
    """Refuse telemetry (503) while less than the limit is free on the console's data disk.

    It is the write that is missed least: what is left belongs to alerts. Looked at every 10 s at most.
    """
    looked_at = _disk["looked_at"]
    if looked_at is None or not timedelta(0) <= at - looked_at < DISK_LOOK:
        found = os.statvfs(settings.DATA_DIR)
        _disk.update(looked_at=at, free_mb=found.f_bavail * found.f_frsize / 1e6)
    if _disk["free_mb"] < settings.FLEET_LIMITS.disk_free_mb:
        raise Refused("unavailable", _("The disk is short: telemetry has to wait, alerts do not."), 503)
