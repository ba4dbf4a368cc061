"""Epochs: the hour of capture, and when its key has to be gone. Pure rules, no files, no clock."""

from datetime import UTC, datetime, timedelta

#: A key is destroyed this long after its epoch began: 48 h after capture at the latest, less an hour.
KEPT_FOR = timedelta(hours=47)
#: Past this the watchdog alarms: purge, worker or beat is dead.
OVERDUE_AFTER = timedelta(hours=47, minutes=30)


class Gone(Exception):
    """The sealed object cannot be opened any more: its key is destroyed or its time has come."""


class EpochGone(Gone):
    """Nothing can be sealed for this capture: its epoch's key is due for destruction or destroyed."""


def epoch_of(moment: datetime) -> datetime:
    """Return the start of the UTC hour of ``moment`` (aware)."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def destroyed_at(epoch: datetime) -> datetime:
    """Return when the key of ``epoch`` has to be destroyed."""
    return epoch + KEPT_FOR


def is_past(epoch: datetime, now: datetime) -> bool:
    """True when the time of the epoch's key has come: from then on it neither opens nor is made."""
    return destroyed_at(epoch) <= now


def newest_due(now: datetime) -> datetime:
    """Return the newest epoch whose key must not exist at ``now``."""
    return epoch_of(now - KEPT_FOR)
