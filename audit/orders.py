"""What people ask of the sequencer: a file each in the key folder, where only its own OS user can write.

The file stands until the order is carried out, so a crash at any point only means that the sequencer does
again, at its next start, what is not yet done.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from csoc.lib.keyfiles import sync_folder, write_private


@dataclass(frozen=True, slots=True)
class Resume:
    """Two people end a halt: ``fault`` is its code, ``generation`` the log's number from here on."""

    fault: str
    reason: str
    officer: str
    second: str
    generation: int


class Orders:
    """The orders in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.rotation = folder / "rotate.order"
        self.resumption = folder / "resume.order"

    def ask_rotation(self) -> None:
        """Order the change to ``next.key``."""
        write_private(self.rotation, b"rotate\n")

    def ask_resume(self, order: Resume) -> bool:
        """Order the end of a halt; False when such an order stands already."""
        return write_private(self.resumption, json.dumps(asdict(order)).encode())

    def resume(self) -> Resume | None:
        """Return the order to end a halt, if there is one. A file of another shape is none."""
        try:
            return Resume(**json.loads(self.resumption.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def done(self, path: Path) -> None:
        """Forget an order that was carried out."""
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
