"""Believable incidents for a demonstration: invented, repeatable from a seed, and never a real person's
plate."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

EARTH_RADIUS_M = 6_371_008.8
LOOKALIKES = {
    "O": "0",
    "0": "O",
    "I": "1",
    "1": "I",
    "Z": "2",
    "2": "Z",
    "S": "5",
    "5": "S",
    "B": "8",
    "8": "B",
}
VEHICLES = (
    {"color": "grey", "make": "honda", "type": "suv"},
    {"color": "black", "make": "dodge", "type": "pickup"},
    {"color": "white", "make": "toyota", "type": "sedan"},
    {"color": "blue", "make": "ford", "type": "van"},
    {"color": "red", "make": "mazda", "type": "hatchback"},
)
DETECTOR = {"make": "Flock Safety", "model": "Raven", "firmware": "5.2.1"}
# (weight, rounds): most real incidents are one to three shots.
ROUNDS = ((5, 1), (4, 2), (4, 3), (2, 4), (2, 5), (1, 6))


def destination(lat: float, lon: float, bearing_deg: float, distance_m: float) -> tuple[float, float]:
    """Return the point that far away, on a sphere: good to a metre within a kilometre."""
    angle, azimuth = distance_m / EARTH_RADIUS_M, math.radians(bearing_deg)
    first = math.radians(lat)
    second = math.asin(
        math.sin(first) * math.cos(angle) + math.cos(first) * math.sin(angle) * math.cos(azimuth)
    )
    turn = math.atan2(
        math.sin(azimuth) * math.sin(angle) * math.cos(first),
        math.cos(angle) - math.sin(first) * math.sin(second),
    )
    return round(math.degrees(second), 6), round(lon + math.degrees(turn), 6)


@dataclass(frozen=True)
class Planned:
    """Something that will happen: seconds after the one before, at which trailer (its index), of which
    kind."""

    after_s: float
    trailer: int
    kind: str


class Director:
    """Invents what happens. Two directors with the same seed stage the same night."""

    def __init__(self, seed: int, samples: list[Mapping[str, Any]]) -> None:
        self.random = random.Random(seed)
        self.samples = samples
        self._passed = ""
        self._event = 0

    def plan(self, trailers: int, first_s: float = 20.0) -> Iterator[Planned]:
        """Yield incidents for ever: a gunshot first, then one every 1-3 minutes, quiet spells, slower after
        an hour.

        Slower, because nobody may be watching a demonstration that was left running over night.
        """
        where = self.random.randrange(trailers)
        yield Planned(first_s, where, "gunshot")
        elapsed = first_s
        while True:
            kind = "gunshot" if not self.samples or self.random.random() < 0.45 else "alpr_hit"
            follows = kind == "alpr_hit" and self.random.random() < 0.3
            where = where if follows else self.random.randrange(trailers)
            gap = self.random.uniform(60.0, 180.0)
            if self.random.random() < 0.18:
                gap += self.random.uniform(120.0, 240.0)
            gap *= 1.0 if elapsed < 3600 else 4.0
            elapsed += gap
            yield Planned(round(gap, 1), where, kind)

    def gunshot(self, lat: float, lon: float, rounds: int | None = None) -> dict[str, Any]:
        """Return a ``gunshot`` block near a trailer at this place; ``rounds`` 1-100."""
        pick = self.random
        shots = rounds or pick.choices([n for _, n in ROUNDS], [weight for weight, _ in ROUNDS])[0]
        bearing, distance_m = pick.uniform(0, 360), pick.triangular(50, 460, 180)
        shot_lat, shot_lon = destination(lat, lon, bearing, distance_m)
        uncertainty_m = round(12 + distance_m * pick.uniform(0.06, 0.16))
        heard_deg = round((bearing + pick.uniform(-3, 3)) % 360, 1) % 360
        self._event += 1
        block: dict[str, Any] = {
            "class": "gunshot",
            "confidence": round(pick.triangular(0.72, 0.99, 0.94), 2),
            "rounds": shots,
            "location": {"lat": shot_lat, "lon": shot_lon, "uncertainty_m": uncertainty_m},
            "bearing": {"deg_true": heard_deg, "error_deg": pick.choice([3, 4, 6])},
            "detector": {**DETECTOR, "event_id": f"r-{self._event}"},
        }  # fmt: skip
        if shots > 1:
            block["span_ms"] = min(7000, sum(pick.randrange(170, 520) for _ in range(shots - 1)))
        return block

    def plate_read(self) -> dict[str, Any]:
        """Return what a reader reads of a car that drives by: one of the sample, one in four misread.

        Whether it stands on the list is for the trailer to find out.
        """
        pick = self.random
        sample = pick.choice(self.samples)
        plate, jurisdiction = str(sample["plate"]), str(sample["jurisdiction"])
        self._passed = plate
        if pick.random() < 0.25:
            plate, jurisdiction = self._misread(plate, jurisdiction)
        chars = [round(pick.triangular(0.86, 0.995, 0.98), 2) for _ in plate]
        if plate != sample["plate"]:
            weakest = next(i for i, (a, b) in enumerate(zip(plate, sample["plate"], strict=True)) if a != b)
            chars[weakest] = round(pick.uniform(0.52, 0.68), 2)
        return {
            "plate": plate,
            "jurisdiction": jurisdiction,
            "confidence": round(min(chars) * pick.uniform(0.97, 1.0), 2),
            "char_confidence": chars,
            "camera": pick.choice(["alpr-1", "alpr-2"]),
            "direction": pick.choice(["toward", "away"]),
            "vehicle": dict(pick.choice(VEHICLES)),
        }

    def seen(self, read: Mapping[str, Any]) -> str:
        """Return what stands on the car last read: the listed plate, or one time in two the read one."""
        return self._passed if self.random.random() < 0.5 else str(read["plate"])

    def _misread(self, plate: str, jurisdiction: str) -> tuple[str, str]:
        """Misread one character as its twin; without one, read the plate but not where it is from."""
        places = [i for i, char in enumerate(plate) if char in LOOKALIKES]
        if not places:
            return plate, "unknown"
        at = self.random.choice(places)
        return plate[:at] + LOOKALIKES[plate[at]] + plate[at + 1 :], jurisdiction
