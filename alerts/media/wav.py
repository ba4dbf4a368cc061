"""The one form of a clip: ``RIFF`` + 16 byte ``fmt `` + ``data``, PCM 16 mono, and not a byte besides.

A clip's length cannot be trusted to its header or to a decoder: a WAV with a false data size or with audio
appended, a FLAC with a lying length, all read as three seconds. So nothing is decoded: 44 bytes that can
only be what they are, and the rest are samples.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.media.refusing import refused

HEADER_BYTES = 44
#: 10 s at 48 kHz.
MAX_BYTES = 960_044
SHORTEST_S = 1.0
LONGEST_S = 10.0

#: RIFF size WAVE fmt 16 | format channels rate bytes/s align bits | data size
_HEADER = struct.Struct("<4sI4s4sI HHIIHH 4sI")
_PCM, _MONO, _BYTES = 1, 1, 2


def samples_of(body: bytes, rate_hz: int) -> NDArray[np.int16]:
    """Return the samples of a clip of the trailer's enrolled rate (hertz), read in place.

    Errors: Refused 422 ``clip-format``, ``clip-rate``, ``clip-size``, ``clip-length``.
    """
    if len(body) < HEADER_BYTES:
        raise refused("clip-format")
    (riff, riff_size, wave, fmt, fmt_size, kind, channels, rate, per_s, align, bits, data, size) = (
        _HEADER.unpack_from(body)
    )
    words = (riff, wave, fmt, fmt_size, data)
    if words != (b"RIFF", b"WAVE", b"fmt ", 16, b"data"):
        raise refused("clip-format")
    if (kind, channels, bits, align) != (_PCM, _MONO, 8 * _BYTES, _BYTES) or per_s != rate * _BYTES:
        raise refused("clip-format")
    if rate != rate_hz:
        raise refused("clip-rate")
    if riff_size != len(body) - 8 or size != len(body) - HEADER_BYTES or size % _BYTES:
        raise refused("clip-size")
    if not SHORTEST_S * rate_hz <= size // _BYTES <= LONGEST_S * rate_hz:
        raise refused("clip-length")
    found: NDArray[Any] = np.frombuffer(body, dtype="<i2", offset=HEADER_BYTES)
    return found
