"""The head file: the newest note this log signed, kept outside the database, best on another disk.

A database restored from a backup does not know what was signed since; the head file does. It is written
*before* the checkpoint is told to anybody, so that nothing signed is ever unknown to it.
"""

import os
from pathlib import Path

from audit.halt import Halt
from csoc.lib import clock
from csoc.lib.keyfiles import sync_folder

NAME = "checkpoint"


class Head:
    """The head file in ``folder`` (made if it is not there)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME

    def read(self) -> str | None:
        """Return the note, None when there is none. Errors: Halt."""
        try:
            return self.path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise Halt("head-unreadable", str(error)) from error

    def write(self, note: str) -> None:
        """Replace the note, durably. Errors: Halt.

        A crash leaves the old note or the new one, never a part: the draft is complete on disk before it
        gets the name. A draft left over is overwritten by the next one.
        """
        draft = self.path.with_suffix(".new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with draft.open("w", encoding="utf-8") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
            sync_folder(self.folder)
        except OSError as error:
            raise Halt("head-unwritable", str(error)) from error

    def set_aside(self) -> Path | None:
        """Rename a head that people decided against, so that it stays as evidence; return its new path."""
        moment = clock.now().strftime("%Y%m%dT%H%M%S.%f")
        aside = self.folder / f"refused-{moment}"
        try:
            self.path.replace(aside)
            sync_folder(self.folder)
        except FileNotFoundError:
            return None
        return aside
