"""Records: what staff keep for their own work beyond 48 h, each sealed under a key of its own.

An owner's name and mail, a consent document, the typed answers of a draft. The sealed bytes stay with
the app that owns them; destroying the record's key makes all of them unreadable at once, in backups of
the database too. Callers write the audit entries: nothing here is an act of a person.

Key files know no rollback: destroy a record on commit (``transaction.on_commit``), and let ``register_due``
name it as well, so that a crash in between is made good by the next purge.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from csoc.lib import clock, sealing
from vault import recordkeys
from vault.epochs import Gone

__all__ = [
    "Gone",
    "destroy",
    "new",
    "register_due",
    "register_gone",
    "seal",
    "seal_json",
    "unseal",
    "unseal_json",
]

FORMAT = b"\x02"

Due = Callable[[datetime], Iterable[UUID]]
GoneRows = Callable[[Sequence[UUID]], int]

_due: dict[str, Due] = {}
_gone: dict[str, GoneRows] = {}


def new() -> UUID:
    """Begin a record: make its key and its row, in the caller's transaction if there is one.

    If that rolls back, the key goes with the purge an hour later.
    """
    from vault.models import Record

    record = uuid4()
    with transaction.atomic():
        Record.objects.create(id=record, made_at=clock.now())
        recordkeys.make(record)
        transaction.on_commit(lambda: recordkeys.keep(record))
    return record


def seal(record: UUID, name: str, plaintext: bytes) -> bytes:
    """Seal ``plaintext`` under the record's key, bound to the record and to ``name`` (such as ``answers``).

    Errors: Gone when the record is destroyed.
    """
    return FORMAT + sealing.seal(recordkeys.read(record), plaintext, _context(record, name))


def unseal(record: UUID, name: str, sealed: bytes) -> bytes:
    """Return the plaintext.

    Errors: Gone when the record is destroyed; sealing.SealBroken when the bytes are not the ones that
    were sealed for this record under this name.
    """
    sealed = bytes(sealed)
    key = recordkeys.read(record)
    if sealed[:1] != FORMAT:
        raise sealing.SealBroken("not a sealed record of format 2")
    return sealing.unseal(key, sealed[1:], _context(record, name))


def seal_json(record: UUID, name: str, value: Any) -> bytes:
    """Seal a value that JSON can carry. Errors: Gone, TypeError, ValueError (not a number)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return seal(record, name, text.encode())


def unseal_json(record: UUID, name: str, sealed: bytes) -> Any:
    """Return the value that ``seal_json`` was given. Errors: as ``unseal``."""
    return json.loads(unseal(record, name, sealed))


def destroy(record: UUID) -> bool:
    """Overwrite and remove the record's key; True if it was there. Idempotent, needs no database.

    The next purge run counts it, and deletes what the apps keep of it. Errors: OSError.
    """
    return recordkeys.destroy(record)


def register_due(due: Due) -> None:
    """Register in ``AppConfig.ready`` what names the records whose time is over; again replaces it.

    due: called with now inside the purge's transaction; locks its rows, looks again (holds!) and yields
    the ids. It will be asked for the same ids again if that transaction fails: yield them still.
    """
    _due[_name_of(due)] = due


def register_gone(delete_rows: GoneRows) -> None:
    """Register in ``AppConfig.ready`` what deletes rows and files of destroyed records.

    delete_rows: called inside the purge's transaction with ids whose keys are destroyed, also with ids it
    does not know and ids it was given before; returns how many rows it deleted. Files: delete them on
    commit, or at once: nothing opens them any more.
    """
    _gone[_name_of(delete_rows)] = delete_rows


def due_functions() -> list[Due]:
    """Return what ``register_due`` was given, in a fixed order."""
    return [_due[name] for name in sorted(_due)]


def gone_functions() -> list[GoneRows]:
    """Return what ``register_gone`` was given, in a fixed order."""
    return [_gone[name] for name in sorted(_gone)]


def _name_of(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _context(record: UUID, name: str) -> bytes:
    return b"csoc/record/1\x00" + record.bytes + name.encode()
