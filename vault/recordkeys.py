"""The keys of records: one file of 32 random bytes each, a store apart from the epoch keys'.

``<uuid>.pending`` is a key whose record is not committed yet, ``<uuid>.key`` one whose record is;
``<uuid>.gone`` is empty and says that the key was destroyed and that no purge run has recorded it yet.
These keys may be backed up, on a path of their own, apart from the database; epoch keys never are.

What a crash leaves while a key is destroyed: a file of zeros or of no bytes, which no longer counts as
a key; the next run destroys it again.
"""

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings

from csoc.lib import keyfiles, sealing
from vault.epochs import Gone

#: Longer than any transaction lives: what is still pending then was never committed, or its process died.
PENDING_S = 3600.0


def folder() -> Path:
    """Return the directory of the records' keys."""
    return Path(settings.RECORD_KEYS_DIR)


def make(record: UUID) -> None:
    """Make the key of a new record; it is pending until ``keep``."""
    keyfiles.write_private(_pending(record), sealing.new_key())


def keep(record: UUID) -> None:
    """Say that the record is committed. Idempotent."""
    with contextlib.suppress(FileNotFoundError):
        _pending(record).rename(_path(record))
        keyfiles.sync_folder(folder())


def read(record: UUID) -> bytes:
    """Return the key of ``record``. Errors: Gone when it is destroyed, or never was."""
    # It may be renamed between two looks.
    for path in (_path(record), _pending(record), _path(record)):
        with contextlib.suppress(FileNotFoundError):
            key = path.read_bytes()
            if len(key) == sealing.KEY_BYTES and any(key):
                return key
            break
    raise Gone(f"the key of record {record} is destroyed")


def is_there(record: UUID) -> bool:
    """Whether the record has a key file, whole or not."""
    return _path(record).exists() or _pending(record).exists()


def destroy(record: UUID) -> bool:
    """Overwrite and remove the key of ``record``, leaving an empty marker; False if there is none.

    Errors: OSError when the file resists.
    """
    done = False
    for path in (_path(record), _pending(record)):
        if keyfiles.overwrite(path):
            with contextlib.suppress(FileNotFoundError):  # another purge was as quick, and left its marker
                path.rename(_marker(record))
            done = True
    if done:
        keyfiles.sync_folder(folder())
    return done


def records() -> list[UUID]:
    """Return the records that have a key, pending ones not counted."""
    return sorted(_named(".key"))


def stale() -> list[UUID]:
    """Return the records that are pending for so long that no transaction can still commit them."""
    now = datetime.now(UTC).timestamp()
    found = []
    for record in _named(".pending"):
        with contextlib.suppress(FileNotFoundError):
            if now - _pending(record).stat().st_mtime > PENDING_S:
                found.append(record)
    return sorted(found)


def markers() -> list[UUID]:
    """Return the records whose key was destroyed and not yet recorded as such."""
    return sorted(_named(".gone"))


def forget(recorded: list[UUID]) -> None:
    """Remove the markers of records whose destruction is recorded."""
    for record in recorded:
        _marker(record).unlink(missing_ok=True)
    if recorded:
        keyfiles.sync_folder(folder())


def sweep_drafts(older_than_s: float = 60.0) -> int:
    """Overwrite and remove half-made key files that a crash left behind; return how many.

    A draft may be a second name of a living key (a crash between link and unlink): then only the
    name goes.
    """
    count = 0
    for path in folder().glob(".*.pending.*") if folder().is_dir() else []:
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            if datetime.now(UTC).timestamp() - status.st_mtime < older_than_s:
                continue
            if status.st_nlink == 1:
                keyfiles.overwrite(path)
            path.unlink(missing_ok=True)
            count += 1
    return count


def _path(record: UUID) -> Path:
    return folder() / f"{record}.key"


def _pending(record: UUID) -> Path:
    return folder() / f"{record}.pending"


def _marker(record: UUID) -> Path:
    return folder() / f"{record}.gone"


def _named(suffix: str) -> list[UUID]:
    found = []
    for path in folder().glob(f"*{suffix}") if folder().is_dir() else []:
        with contextlib.suppress(ValueError):  # strange files are no keys
            record = UUID(path.stem)
            if str(record) == path.stem:
                found.append(record)
    return found
