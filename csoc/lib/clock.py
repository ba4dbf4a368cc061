"""The console's one clock: system time plus an offset that every process of a test shares.

Rules take time as a parameter; whoever asks them asks this clock first. SQL ``now()`` is never used
for a rule, because a moved clock would not move it.
"""

import mmap
import struct
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from csoc.lib.errors import Misuse

_OFFSET = struct.Struct("=d")


@lru_cache(maxsize=8)
def _shared(folder: str) -> mmap.mmap:
    """Return the eight bytes that hold the offset, shared by every process on this data directory.

    In memory and not read from its file, because each request asks for the time several times.
    """
    path = Path(folder) / "clock-shift"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:
        # Two processes that make it at once make it longer, which is no harm.
        if path.stat().st_size < _OFFSET.size:
            file.write(_OFFSET.pack(0.0))
        return mmap.mmap(file.fileno(), _OFFSET.size)


def _offset() -> timedelta:
    if not settings.IS_DEMO:
        return timedelta()
    return timedelta(seconds=_OFFSET.unpack(_shared(str(settings.DATA_DIR)))[0])


def now() -> datetime:
    """Return the current time, aware, UTC."""
    return datetime.now(UTC) + _offset()


def shift(seconds: float) -> None:
    """Set the offset of every process on this data directory, in seconds from system time.

    Errors: Misuse in production, where time cannot be moved.
    """
    if not settings.IS_DEMO:
        raise Misuse("The clock cannot be moved in production.")
    _OFFSET.pack_into(_shared(str(settings.DATA_DIR)), 0, seconds)


def wire(moment: datetime | None) -> str | None:
    """Return RFC 3339 UTC with milliseconds and ``Z``; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
