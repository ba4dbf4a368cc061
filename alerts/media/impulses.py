"""Where the shots in a clip begin and end, so that a clip cannot be a recording with a shot in it.

Brought to 16 kHz; the square of the first difference, which a shot's steep front has and hum and traffic
have not; its mean over each millisecond; in decibels over the median of the clip. Louder than 9 dB, and not
more than 14 dB under the loudest, is an impulse. Source: the trailer contract, "Clip and crop".
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerts.media.refusing import refused

RATE_HZ = 16_000
PER_MS = RATE_HZ // 1000
QUIETEST_DB = 9.0
UNDER_PEAK_DB = 14.0
#: The two seconds before the shot, and a tenth for a detector's own delay.
LATEST_ONSET_S = 2.10
LONGEST_TAIL_S = 1.10
#: One step of the converter: digital silence is not infinitely quieter than a shot.
_STEP = (1.0 / 32_768.0) ** 2
#: A quarter of the new rate is kept clear on each side of the cut.
_TAPS, _CUT = 63, 7_200.0 / 48_000.0

Samples = NDArray[np.float32]


class Impulses(NamedTuple):
    """When the first and the last impulse of a clip are, in seconds from its beginning."""

    onset_s: float
    last_s: float


def at_16k(samples: NDArray[np.int16], rate_hz: int) -> Samples:
    """Return the samples as -1..1 at 16 kHz; 48 kHz is low-passed and every third kept."""
    whole = samples.astype(np.float32) / np.float32(32_768.0)
    if rate_hz == RATE_HZ:
        return whole
    return np.ascontiguousarray(np.convolve(whole, _low_pass(), "same")[:: rate_hz // RATE_HZ])


def _low_pass() -> Samples:
    """A windowed sinc (Blackman) of ``_TAPS`` taps with its cut at 7.2 kHz of 48 kHz."""
    at = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(2 * _CUT * at) * np.blackman(_TAPS)
    return (taps / taps.sum()).astype(np.float32)


def levels_db(samples: Samples) -> NDArray[np.float64]:
    """Return each millisecond's level over the median of all, decibels, never below 0."""
    steps = np.diff(samples, prepend=samples[:1])
    whole = len(steps) // PER_MS * PER_MS
    power = np.square(steps[:whole], dtype=np.float64).reshape(-1, PER_MS).mean(axis=1)
    floor = max(float(np.median(power)), _STEP)
    return 10.0 * np.log10(np.maximum(power / floor, 1.0))


def check(samples: Samples) -> Impulses:
    """Find the impulses of a clip at 16 kHz and judge where they are.

    Errors: Refused 422 ``clip-silent``, ``clip-onset``, ``clip-tail``.
    """
    level = levels_db(samples)
    peak = float(level.max())
    if peak < QUIETEST_DB:
        raise refused("clip-silent")
    loud = np.flatnonzero(level >= max(QUIETEST_DB, peak - UNDER_PEAK_DB))
    found = Impulses(float(loud[0]) / 1000, float(loud[-1] + 1) / 1000)
    if found.onset_s > LATEST_ONSET_S:
        raise refused("clip-onset")
    if len(samples) / RATE_HZ - found.last_s > LONGEST_TAIL_S:
        raise refused("clip-tail")
    return found
