"""An invented solar day for each simulated trailer: the same one at every start, believable, and no weather.

The sun follows its height above the horizon (declination and hour angle, Cooper 1969), clouds take from it in
patches of ten minutes. The charge follows a fixed daily curve, lowest at sunrise and highest in the late
afternoon, so that it neither drifts away nor jumps at midnight. Nothing here depends on when it is asked.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

PANEL_W = 480.0


class Fate(NamedTuple):
    """What makes one trailer's days: mean charge and its swing in per cent, cloud 0-1, fuel at the start."""

    charge: float
    swing: float
    cloud: float
    fuel: float
    #: Local hours in which its generator helps, by day; none where they are equal.
    generator: tuple[float, float] = (0.0, 0.0)


#: The third has a bad week: its panels are in shade and its tank is nearly empty.
_FATES = (
    Fate(82, 9, 0.15, 78), Fate(74, 10, 0.25, 64), Fate(13, 9, 0.8, 22, (3.0, 4.5)), Fate(79, 9, 0.2, 81),
    Fate(63, 9, 0.3, 55), Fate(70, 9, 0.25, 60), Fate(84, 9, 0.1, 88), Fate(58, 11, 0.4, 47),
)  # fmt: skip


def fate(index: int) -> Fate:
    """Return the days of the trailer with this place in the seed, 0 on."""
    return _FATES[index % len(_FATES)]


def noise(index: int, moment: datetime, what: str, minutes: int) -> float:
    """Return a number from 0 to 1 that is the same for every moment of the same `minutes`."""
    patch = int(moment.timestamp() // (60 * minutes))
    digest = hashlib.sha256(f"{index}|{patch}|{what}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def sun(moment: datetime, lat: float, lon: float) -> float:
    """Return the sine of the sun's height, 0 at night; degrees WGS 84, mean solar time."""
    day = moment.timetuple().tm_yday
    declination = math.radians(23.45) * math.sin(2 * math.pi * (284 + day) / 365)
    hours = moment.hour + moment.minute / 60 + moment.second / 3600 + lon / 15
    angle = math.radians(15 * (hours - 12))
    height = math.sin(math.radians(lat)) * math.sin(declination) + math.cos(math.radians(lat)) * math.cos(
        declination
    ) * math.cos(angle)
    return max(0.0, height)


def local_hour(moment: datetime, lon: float) -> float:
    """Return the hour of the day by the sun, 0 to 24."""
    return (moment.hour + moment.minute / 60 + lon / 15) % 24


def _curve(hour: float) -> float:
    """Return -1 at half past six in the morning, 1 at half past four, and back; smooth."""
    if 6.5 <= hour <= 16.5:
        return -math.cos(math.pi * (hour - 6.5) / 10)
    since = (hour - 16.5) % 24
    return 1 - 2 * since / 14


def power(index: int, moment: datetime, lat: float, lon: float) -> dict[str, Any]:
    """Return the contract's `power` at this moment."""
    mine, hour = fate(index), local_hour(moment, lon)
    clear = 1 - mine.cloud * (0.4 + 0.6 * noise(index, moment, "cloud", 10))
    solar = PANEL_W * sun(moment, lat, lon) ** 0.8 * clear
    load = 88 + 16 * noise(index, moment, "load", 5)
    start, end = mine.generator
    running = start <= hour < end
    # What the generator gave is used up again by the next night.
    given = (
        14 * (min(1.0, (hour - start) / (end - start)) - (hour - end) / 24)
        if start < end <= 24 and hour >= start
        else 0.0
    )
    if start < end and hour < start:
        given = 14 * (1 - (hour + 24 - end) / 24)
    soc = min(100.0, max(3.0, mine.charge + mine.swing * _curve(hour) + given * 0.6))
    return {
        "battery_soc_pct": round(soc, 1), "battery_v": round(23.6 + 3.2 * soc / 100, 2),
        "battery_a": round((solar + (700 if running else 0) - load) / 25.6, 1),
        "battery_c": round(_warmth(index, moment, lat, lon) + 3, 1), "solar_w": round(solar, 0),
        "load_w": round(load, 0), "gen_state": "running" if running else "off",
        "gen_hours_s": 3600 * (400 + 37 * index), "fuel_pct": float(mine.fuel),
    }  # fmt: skip


def _warmth(index: int, moment: datetime, lat: float, lon: float) -> float:
    season = 11 - 13 * math.cos(2 * math.pi * (moment.timetuple().tm_yday - 20) / 365)
    return season + 9 * sun(moment - timedelta(hours=2), lat, lon) + 2 * noise(index, moment, "warmth", 30)


def site(index: int, moment: datetime, lat: float, lon: float) -> dict[str, Any]:
    """Return the contract's `site`: a steady receiver, a closed door, a mast that hardly leans."""
    east = (noise(index, moment, "east", 1) - 0.5) * 6 / (111_320 * math.cos(math.radians(lat)))
    north = (noise(index, moment, "north", 1) - 0.5) * 6 / 110_574
    return {
        "door": "closed", "tilt_deg": round(0.3 + 0.4 * noise(index, moment, "tilt", 60), 1),
        "lat": round(lat + north, 7), "lon": round(lon + east, 7),
        "satellites": 8 + int(6 * noise(index, moment, "satellites", 3)),
    }  # fmt: skip


def health(index: int, moment: datetime, lat: float, lon: float) -> dict[str, Any]:
    """Return the contract's `health`."""
    warm = _warmth(index, moment, lat, lon)
    return {
        "cabinet_c": round(warm + 7, 1), "cpu_c": round(warm + 24, 1),
        "cpu_pct": round(12 + 20 * noise(index, moment, "cpu", 2), 0),
        "memory_pct": round(38 + 4 * noise(index, moment, "memory", 30), 0), "disk_free_pct": 71.0,
        "clock_source": "gnss", "clock_error_ms": 5.0, "link": "lte",
        "rssi_dbm": round(-95 + 20 * noise(index, moment, "link", 5), 0),
    }  # fmt: skip


def point(index: int, moment: datetime, lat: float, lon: float) -> Mapping[str, Any]:
    """Return a whole point of the contract at this moment, without `ts` and `seq`."""
    return {
        "power": power(index, moment, lat, lon), "site": site(index, moment, lat, lon),
        "health": health(index, moment, lat, lon),
    }  # fmt: skip
