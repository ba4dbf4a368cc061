"""The epoch keys: one file of 32 random bytes an hour, outside the database and outside every backup.

``keys/epoch/2026-11-21T20.key`` is a key; ``2026-11-21T20.<id>.gone`` is empty and says that one was
destroyed and that no purge run has recorded it yet. Overwriting a file does not reach every old block
of a copy-on-write or flash disk: keep this directory on an encrypted disk or in memory.

What a crash leaves while a key is destroyed: a file of zeros or of no bytes, which no longer counts as
a key; the next run destroys it again.
"""

import contextlib
import os
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from csoc.lib import clock, keyfiles, sealing
from vault.epochs import EpochGone, Gone, is_past

NAME = "%Y-%m-%dT%H"


def folder() -> Path:
    """Return the directory of the epoch keys."""
    return _below(str(settings.DATA_DIR))


@lru_cache(maxsize=8)
def _below(data: str) -> Path:
    return Path(data, "keys", "epoch")


def key_for_sealing(epoch: datetime, now: datetime) -> bytes:
    """Return the key of ``epoch``, made on first use. Errors: EpochGone once its time has come at ``now``."""
    if is_past(epoch, now):
        raise EpochGone(f"the key of {_name(epoch)} is due for destruction")
    path = _path(epoch)
    with contextlib.suppress(Gone):  # the usual case: one read, and no question before it
        return _read(path)
    if not path.exists():
        keyfiles.write_private(path, sealing.new_key())
    try:
        return _read(path)
    except Gone as error:
        raise EpochGone(str(error)) from None


def key_for_opening(epoch: datetime) -> bytes:
    """Return the key of ``epoch``. Errors: Gone, also when the purge is late: 47 h holds by itself."""
    if is_past(epoch, clock.now()):
        raise Gone(f"the time of {_name(epoch)} has come")
    return _read(_path(epoch))


def epochs() -> list[datetime]:
    """Return the epochs that still have a key file, oldest first."""
    if not folder().is_dir():
        return []
    return sorted(filter(None, (_parse(path.name, ".key") for path in folder().glob("*.key"))))


def destroy(epoch: datetime) -> None:
    """Overwrite and remove the key of ``epoch``, leaving an empty marker. Idempotent."""
    path = _path(epoch)
    if not keyfiles.overwrite(path):
        return
    with contextlib.suppress(FileNotFoundError):  # another purge was as quick, and left its marker
        path.rename(folder() / f"{_name(epoch)}.{uuid.uuid4().hex}.gone")
    keyfiles.sync_folder(folder())


def markers() -> list[Path]:
    """Return the markers of keys that were destroyed and not yet recorded, oldest first."""
    return sorted(folder().glob("*.gone")) if folder().is_dir() else []


def forget(recorded: list[Path]) -> None:
    """Remove markers whose destruction is recorded."""
    for path in recorded:
        path.unlink(missing_ok=True)
    if recorded:
        keyfiles.sync_folder(folder())


def sweep_drafts(older_than_s: float = 60.0) -> int:
    """Overwrite and remove half-made key files that a crash left behind; return how many.

    A draft may be a second name of a living key (a crash between link and unlink): then only the
    name goes.
    """
    count = 0
    for path in folder().glob(".*.key.*") if folder().is_dir() else []:
        status = path.stat()
        if datetime.now(UTC).timestamp() - status.st_mtime < older_than_s:
            continue
        if status.st_nlink == 1:
            path.write_bytes(bytes(sealing.KEY_BYTES))
        path.unlink(missing_ok=True)
        count += 1
    return count


def _name(epoch: datetime) -> str:
    return epoch.strftime(NAME)


def _path(epoch: datetime) -> Path:
    return folder() / f"{_name(epoch)}.key"


def _parse(name: str, suffix: str) -> datetime | None:
    try:
        return datetime.strptime(name.removesuffix(suffix), NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _read(path: Path) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise Gone(f"{path.stem} has no key") from None
    try:
        key = os.read(file, sealing.KEY_BYTES + 1)
    finally:
        os.close(file)
    if len(key) != sealing.KEY_BYTES or not any(key):
        raise Gone(f"the key of {path.stem} is destroyed")
    return key
