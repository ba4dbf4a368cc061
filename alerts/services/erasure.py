"""What the vault's purge takes away here, called by it within its own transaction and entry."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Min

from alerts.models import AlertDetail, AlertMedia, AlertNote, HotlistChunk

_SEALED: tuple[Any, ...] = (AlertMedia, AlertDetail, AlertNote, HotlistChunk)
#: Rows of a list that one statement deletes, and that one run does: the rest waits 2 minutes for the next.
BATCH = 20_000
MOST_A_RUN = 400_000
_DELETE = """
DELETE FROM alerts_hotlistentry WHERE id = ANY(ARRAY(
    SELECT id FROM alerts_hotlistentry WHERE removed_in IS NOT NULL AND removed_at < %s LIMIT %s))
"""


def delete_detail_of(epoch: datetime) -> int:
    """Delete every sealed row of this epoch and older ones; returns how many (called by the vault).

    Older ones too: after a crash between keys and rows nothing else would find them.
    """
    return sum(model.objects.filter(epoch__lte=epoch).delete()[0] for model in _SEALED)


def delete_removed_entries(epoch: datetime) -> int:
    """Delete list entries that were removed in this epoch or before; returns how many (H8: after 48 h).

    In batches: a list of a million that was taken off at once holds nothing else up. What one run leaves has
    an hour of further runs, because a run begins when 47 h are over.
    """
    before, gone = epoch + timedelta(hours=1), 0
    with connection.cursor() as cursor:
        while gone < MOST_A_RUN:
            cursor.execute(_DELETE, [before, BATCH])
            gone += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return gone


def oldest_detail() -> datetime | None:
    """Return the oldest epoch that still has a sealed row, for the vault's watchdog."""
    oldest = [model.objects.aggregate(oldest=Min("epoch"))["oldest"] for model in _SEALED]
    return min(filter(None, oldest), default=None)
