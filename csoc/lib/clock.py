"""The console's one clock: system time plus an offset that every process of a test shares.

Rules take time as a parameter; whoever asks them asks this clock first. SQL ``now()`` is never used
for a rule, because a moved clock would not move it.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from csoc.lib.errors import Misuse


@lru_cache(maxsize=8)
def _in(folder: str) -> Path:
    return Path(folder) / "clock-offset"


def _offset_file() -> Path:
    return _in(str(settings.DATA_DIR))


def _offset() -> timedelta:
    if not settings.IS_DEMO:
        return timedelta()
    try:
        return timedelta(seconds=float(_offset_file().read_text()))
    except (FileNotFoundError, ValueError):
        return timedelta()


def now() -> datetime:
    """Return the current time, aware, UTC."""
    return datetime.now(UTC) + _offset()


def shift(seconds: float) -> None:
    """Set the offset of every process on this data directory, in seconds from system time.

    Errors: Misuse in production, where time cannot be moved.
    """
    if not settings.IS_DEMO:
        raise Misuse("The clock cannot be moved in production.")
    path = _offset_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(str(float(seconds)))
    draft.replace(path)


def wire(moment: datetime | None) -> str | None:
    """Return RFC 3339 UTC with milliseconds and ``Z``; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
