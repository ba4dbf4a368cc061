"""Where exports lie: ``<data>/exports/``, private, one zip each and one folder for each build under way.

What no row of the database knows is what a crash left; ``tending`` removes it.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings

CHUNK_BYTES = 1 << 20


def home() -> Path:
    """Return the folder of all exports, made on first use, for this user only."""
    path = Path(settings.DATA_DIR) / "exports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def finished(name: str) -> Path:
    """Return where the zip of an export lies once it is whole."""
    return home() / f"{name}.zip"


def work(name: str, build: UUID) -> Path:
    """Return the folder of one attempt to build: two builders never write into the same one."""
    return home() / f"{name}.{build.hex}"


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for this user only; it is on the disk when the block ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w+b") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write(path: Path, chunks: Iterable[bytes]) -> dict[str, object]:
    """Write a file; return its entry of the manifest: ``bytes`` and ``sha256`` (hex)."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    digest, size = sha256(), 0
    with new_file(path) as file:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


def read(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces of 1 MiB."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def digest(path: Path) -> str:
    """Return a file's SHA-256 (hex)."""
    found = sha256()
    for chunk in read(path):
        found.update(chunk)
    return found.hexdigest()


def publish(draft: Path, target: Path) -> None:
    """Put a finished file in its place, whole or not at all, whatever happens to the machine."""
    os.replace(draft, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove(path: Path) -> None:
    """Remove a file or a build's folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def everything() -> list[Path]:
    """Return what lies in the folder of all exports."""
    return sorted(home().iterdir())
