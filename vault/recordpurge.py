"""The purge's part about records: what is due, what came back with a backup, what nobody committed."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from vault import recordkeys, records
from vault.models import PurgeRun, Record

log = logging.getLogger(__name__)

#: So many keys are asked about in one statement.
AT_ONCE = 5_000


def destroy_due(now: datetime) -> tuple[list[str], list[UUID]]:
    """Destroy the keys of records that are due; return what went wrong, by name, and what is gone.

    Inside the purge's transaction, so that the apps hold their rows locked meanwhile. An app that fails
    must not save the records of the others. Errors: database errors that end the connection.
    """
    faults: list[str] = []
    asked: list[UUID] = []
    for due in records.due_functions():
        try:
            with transaction.atomic():
                for record in due(now):
                    asked.append(record)
                    faults += _destroy(record)
        except Exception as error:
            log.error("what is due cannot be asked of %s: %s", due.__module__, type(error).__name__)
            faults.append(type(error).__name__)
    for record in [*_returned(), *_never_committed()]:
        faults += _destroy(record)
    # Without a key or a marker: an older database was restored, which knows of no destruction.
    gone = {*recordkeys.markers(), *(record for record in asked if not recordkeys.is_there(record))}
    return faults, sorted(gone)


def count_once(run: PurgeRun, gone: list[UUID], now: datetime) -> int:
    """Record each destroyed record that no earlier run has recorded; return how many those are."""
    known = set(Record.objects.filter(id__in=gone).exclude(run=None).values_list("id", flat=True))
    fresh = [Record(id=record, made_at=now, run=run) for record in gone if record not in known]
    # A record whose transaction never committed has no row yet; one that has keeps the time it was made.
    Record.objects.bulk_create(
        fresh, update_conflicts=True, unique_fields=["id"], update_fields=["run"]
    )  # fmt: skip
    return len(fresh)


def delete_rows(gone: list[UUID]) -> int:
    """Let the apps delete what they keep of destroyed records; return how many rows that were."""
    return sum(delete(gone) for delete in records.gone_functions()) if gone else 0


def _returned() -> list[UUID]:
    """Keys that a run has recorded as destroyed and that are there again: restored with a backup."""
    there = recordkeys.records()
    found: list[UUID] = []
    for start in range(0, len(there), AT_ONCE):
        known = Record.objects.filter(id__in=there[start : start + AT_ONCE]).exclude(run=None)
        found += known.values_list("id", flat=True)
    return found


def _never_committed() -> list[UUID]:
    """Keys whose record was rolled back; one that was committed by a process that died is kept."""
    stale = recordkeys.stale()
    kept = set(Record.objects.filter(id__in=stale, run=None).values_list("id", flat=True))
    for record in kept:
        recordkeys.keep(record)
    return [record for record in stale if record not in kept]


def _destroy(record: UUID) -> list[str]:
    """Destroy one key. One file that resists must not save the others."""
    try:
        recordkeys.destroy(record)
    except OSError as error:
        log.error("the key of record %s cannot be destroyed: %s", record, error.strerror)
        return [type(error).__name__]
    return []
