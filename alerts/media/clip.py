"""A clip, judged: its form, where its shots are, whether somebody speaks in it."""

from typing import NamedTuple

import numpy as np

from alerts.media import impulses, voice, wav

#: Bars of the drawn wave: enough to see the shots, far too few to hear a word.
BARS = 110


class Clip(NamedTuple):
    """What is told of a clip that may be kept: milliseconds, and a coarse envelope of 0 to 100."""

    duration_ms: int
    onset_ms: int
    wave: list[int]


def check(body: bytes, rate_hz: int) -> Clip:
    """Judge a clip of the trailer's enrolled rate (hertz).

    Errors: Refused 422 ``clip-*``; 503 ``unavailable`` when the voice check itself cannot run: a clip is
    never kept unchecked.
    """
    samples = wav.samples_of(body, rate_hz)
    narrow = impulses.at_16k(samples, rate_hz)
    found = impulses.check(narrow)
    voice.check(narrow)
    return Clip(round(1000 * len(samples) / rate_hz), round(1000 * found.onset_s), _wave(narrow))


def _wave(samples: impulses.Samples) -> list[int]:
    """Return the loudest sample of each of ``BARS`` equal parts, 0 to 100 of the loudest of all."""
    parts = np.array_split(np.abs(samples), BARS)
    peaks = np.array([float(part.max()) for part in parts])
    return [round(100 * float(one)) for one in peaks / max(float(peaks.max()), 1e-9)]
