"""What the vault's purge takes away here, called by it within its own transaction and entry."""

from datetime import datetime, timedelta

from django.db.models import Min

from alerts.models import AlertDetail, AlertNote, HotlistEntry


def delete_detail_of(epoch: datetime) -> int:
    """Delete every sealed row of this epoch and older ones; returns how many (called by the vault).

    Older ones too: after a crash between keys and rows nothing else would find them.
    """
    details, _by_model = AlertDetail.objects.filter(epoch__lte=epoch).delete()
    notes, _by_model = AlertNote.objects.filter(epoch__lte=epoch).delete()
    return details + notes


def delete_removed_entries(epoch: datetime) -> int:
    """Delete list entries that were removed in this epoch or before; returns how many (H8: after 48 h)."""
    gone = HotlistEntry.objects.filter(removed_at__lt=epoch + timedelta(hours=1))
    return gone.delete()[0]


def oldest_detail() -> datetime | None:
    """Return the oldest epoch that still has a sealed row, for the vault's watchdog."""
    oldest = [model.objects.aggregate(oldest=Min("epoch"))["oldest"] for model in (AlertDetail, AlertNote)]
    return min(filter(None, oldest), default=None)
