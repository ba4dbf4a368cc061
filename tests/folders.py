"""Folders of the worker's data directory that a test wants for itself."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def empty(*folders: Path) -> Iterator[None]:
    """For a test that destroys keys or files: these folders are empty within, and as before after it."""
    for folder in folders:
        if folder.exists():
            folder.rename(folder.with_suffix(".aside"))
    try:
        yield
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            if (aside := folder.with_suffix(".aside")).exists():
                aside.rename(folder)
