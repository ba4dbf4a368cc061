"""The purge: keys first, then rows, then the record of both, then the audit log's own detail.

What a crash leaves: after a key is destroyed, its empty marker, so the next run still counts it; after
the record, markers that the next run finds already counted. Rows are deleted up to an epoch, not for
a list, so no crash can leave some behind for ever. A dead database does not stop the epoch keys.
Records (``vault.records``) are destroyed while the app that named them holds their rows: they need it.
"""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.db import connection, transaction

import audit
from audit import erasure
from csoc.lib import clock
from vault import keystore, recordkeys, recordpurge
from vault.epochs import newest_due
from vault.models import DestroyedKey, PurgeRun
from vault.purgeables import purgeables

log = logging.getLogger(__name__)

#: A run that found nothing to do still leaves an entry this often: silence would prove nothing.
HEARTBEAT = timedelta(hours=1)
#: Any number that no other advisory lock of ours uses.
LOCK = 0x7075726765
#: How long runs are kept for the page; the audit log keeps its entries for years.
RUNS_KEPT_FOR = timedelta(days=31)


def purge_due(*, actor: audit.Actor) -> PurgeRun:
    """Destroy every key whose 47 h are over, delete what they sealed, and record it; idempotent.

    Errors: database errors, after the keys are destroyed all the same.
    """
    now = clock.now()
    faults = _destroy_keys(now)
    keystore.sweep_drafts()
    recordkeys.sweep_drafts()
    markers = keystore.markers()
    with audit.acting_as(actor):
        with transaction.atomic(durable=False):
            run, records = _record(now, markers, faults)
        keystore.forget(markers)
        recordkeys.forget(records)
        # Its entries are of its own, batch by batch: a long list of them holds nothing else up.
        erased, _months = erasure.erase_due(now)
    if erased:
        run.rows += erased
        run.save(update_fields=["rows"])
    return run


def _destroy_keys(now: datetime) -> list[str]:
    """Destroy what is due. One file that resists must not save the others."""
    faults = []
    for epoch in keystore.epochs():
        if epoch > newest_due(now):
            break
        try:
            keystore.destroy(epoch)
        except OSError as error:
            log.error("the key of %s cannot be destroyed: %s", epoch.isoformat(), error.strerror)
            faults.append(type(error).__name__)
    return faults


def _record(now: datetime, markers: list[Path], faults: list[str]) -> tuple[PurgeRun, list[UUID]]:
    """Write the run down; return it and the records whose markers it counted."""
    _one_at_a_time()
    of_records, records = recordpurge.destroy_due(now)
    faults = faults + of_records
    left = keystore.epochs()
    run = PurgeRun.objects.create(
        at=now,
        ok=not faults,
        fault=",".join(sorted(set(faults)))[:64].lower(),
        oldest=left[0] if left else None,
    )
    run.keys = _count_once(run, markers)
    run.records = recordpurge.count_once(run, records, now)
    run.rows = sum(table.delete_rows(newest_due(now)) for table in purgeables())
    run.rows += recordpurge.delete_rows(records)
    run.entered = bool(run.keys or run.rows or run.records or faults) or _heartbeat_due(now)
    run.save(update_fields=["keys", "rows", "records", "entered"])
    if run.entered:
        _enter(run, now)
    old = PurgeRun.objects.filter(at__lt=now - RUNS_KEPT_FOR)
    old.filter(destroyed=None, destroyed_records=None).delete()
    return run, records


def _one_at_a_time() -> None:
    """Let a purge by hand wait for the one on the beat: both would count the same markers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _count_once(run: PurgeRun, markers: list[Path]) -> int:
    """Record each marker that no earlier run has recorded; return how many those are."""
    found = {}
    for path in markers:
        epoch, marker = path.name.split(".")[:2]
        found[UUID(marker)] = datetime.strptime(epoch, keystore.NAME).replace(tzinfo=UTC)
    known = set(DestroyedKey.objects.filter(marker__in=found).values_list("marker", flat=True))
    fresh = [DestroyedKey(marker=marker, epoch=found[marker], run=run) for marker in set(found) - known]
    DestroyedKey.objects.bulk_create(fresh)
    return len(fresh)


def _heartbeat_due(now: datetime) -> bool:
    return not PurgeRun.objects.filter(entered=True, at__gt=now - HEARTBEAT, at__lte=now).exists()


def _enter(run: PurgeRun, now: datetime) -> None:
    """One entry a run: n = keys, rows and records together, the through-epoch as its object."""
    count = run.keys + run.rows + run.records
    outcome = audit.Outcome("allowed" if run.ok else "partial", code=run.fault or None, n=count)
    through = audit.Ref("epoch", newest_due(now).strftime(keystore.NAME), "")
    counts = {"keys": run.keys, "rows": run.rows, "records": run.records}
    audit.record("purge.run", through, outcome=outcome, detail=counts)
