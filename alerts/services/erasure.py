"""What the vault's purge takes away here, called by it within its own transaction and entry."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Min

from alerts.models import AlertDetail, AlertMedia, AlertNote, HotlistChunk

#: What is sealed under an hour's key; an alert's place goes with its detail (below).
_SEALED: tuple[Any, ...] = (AlertMedia, AlertDetail, AlertNote, HotlistChunk)
#: Rows of a list that one statement deletes, and that one run does: the rest waits 2 minutes for the next.
BATCH = 20_000
MOST_A_RUN = 400_000
#: The place of a shot is about people as the rest is: what stays is the point that its trailer stood at. A
#: statement of its own, because the trigger on ``alerts_alert`` lets nothing move while detail stands.
_DETAIL_GONE = "DELETE FROM alerts_alertdetail WHERE epoch <= %s RETURNING alert_id"
_PLACE_GONE = """
UPDATE alerts_alert a SET lat = d.lat, lon = d.lon, uncertainty_m = NULL, version = a.version + 1
FROM deployments_deployment d
WHERE d.id = a.deployment_id AND a.uncertainty_m IS NOT NULL AND a.id = ANY(%s)
"""
_DELETE = """
DELETE FROM alerts_hotlistentry WHERE id = ANY(ARRAY(
    SELECT id FROM alerts_hotlistentry WHERE removed_in IS NOT NULL AND removed_at < %s LIMIT %s))
"""


def delete_detail_of(epoch: datetime) -> int:
    """Delete every sealed row of this epoch and older ones; returns how many (called by the vault).

    Older ones too: after a crash between keys and rows nothing else would find them. Where a shot was goes
    with them; the screens that show it see another version and ask anew.
    """
    others = (model for model in _SEALED if model is not AlertDetail)
    gone = sum(model.objects.filter(epoch__lte=epoch).delete()[0] for model in others)
    with connection.cursor() as cursor:
        cursor.execute(_DETAIL_GONE, [epoch])
        erased = [alert_id for (alert_id,) in cursor.fetchall()]
        cursor.execute(_PLACE_GONE, [erased])
    return gone + len(erased)


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
