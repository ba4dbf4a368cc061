"""What the vault's purge takes away here, called by it within its own transaction and entry."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min

from alerts.models import AlertDetail, AlertMedia, AlertNote, HotlistEntry

_SEALED: tuple[Any, ...] = (AlertMedia, AlertDetail, AlertNote)


def delete_detail_of(epoch: datetime) -> int:
    """Delete every sealed row of this epoch and older ones; returns how many (called by the vault).

    Older ones too: after a crash between keys and rows nothing else would find them.
    """
    return sum(model.objects.filter(epoch__lte=epoch).delete()[0] for model in _SEALED)


def delete_removed_entries(epoch: datetime) -> int:
    """Delete list entries that were removed in this epoch or before; returns how many (H8: after 48 h)."""
    gone = HotlistEntry.objects.filter(removed_at__lt=epoch + timedelta(hours=1))
    return gone.delete()[0]


def oldest_detail() -> datetime | None:
    """Return the oldest epoch that still has a sealed row, for the vault's watchdog."""
    oldest = [model.objects.aggregate(oldest=Min("epoch"))["oldest"] for model in _SEALED]
    return min(filter(None, oldest), default=None)
