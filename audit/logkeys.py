"""The log's signing keys, in files that only the sequencer's OS user may read.

``current.key`` signs. ``next.key`` is prepared, so that witnesses know its verifier key before it is used.
``generation`` counts the origins of this log: a halt that people ended begins a new one, and the origin
gets ``/2``, ``/3`` … The keys' names are the origin, so each generation has verifier keys of its own.
``unsigned`` stands while an origin has not signed yet: only then may the head file be missing.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import notes
from audit.halt import Halt
from audit.notes import Checkpoint, VerifierKey
from csoc.lib.keyfiles import load_ed25519, load_or_create_ed25519, sync_folder, write_private

CURRENT, NEXT, GENERATION, UNSIGNED = "current.key", "next.key", "generation", "unsigned"


class LogKeys:
    """The keys in ``folder`` for the log whose first origin is ``origin``. Errors: Halt.

    Reading again after every change: no method trusts what an earlier one has seen.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self.first_origin = origin

    @property
    def generation(self) -> int:
        """Return how many origins this log has had, this one included."""
        try:
            return int((self.folder / GENERATION).read_text())
        except FileNotFoundError:
            return 1
        except ValueError as error:
            raise Halt("wrong-key", f"{self.folder / GENERATION} is not a number") from error

    @property
    def origin(self) -> str:
        """Return the origin that checkpoints carry now."""
        generation = self.generation
        return self.first_origin if generation == 1 else f"{self.first_origin}/{generation}"

    @property
    def vkey(self) -> VerifierKey:
        """Return the verifier key of ``current.key``. Errors: Halt ``key-missing``."""
        return self._vkey(self._load(CURRENT))

    @property
    def next_vkey(self) -> VerifierKey | None:
        """Return the verifier key of ``next.key``, None when none is prepared."""
        return self._vkey(self._load(NEXT)) if (self.folder / NEXT).exists() else None

    @property
    def exist(self) -> bool:
        """True when there is a key to sign with."""
        return (self.folder / CURRENT).exists()

    @property
    def unsigned(self) -> bool:
        """True until this origin's first note is in the head file."""
        return (self.folder / UNSIGNED).exists()

    def create(self) -> None:
        """Make the first key of a new log. A crash leaves the mark without a key: it is made again."""
        write_private(self.folder / UNSIGNED, b"")
        load_or_create_ed25519(self.folder / CURRENT)

    def prepare(self) -> VerifierKey:
        """Make ``next.key`` (an existing one stays) and return its verifier key, for the witnesses."""
        return self._vkey(load_or_create_ed25519(self.folder / NEXT))

    def note(self, checkpoint: Checkpoint, *, by_next: bool = False) -> str:
        """Return the signed note; ``by_next`` adds the signature of ``next.key``, as a rotation needs.

        Ed25519 signs the same bytes the same way each time: signing again after a crash gives this note.
        """
        keys = [self._load(CURRENT), *([self._load(NEXT)] if by_next else [])]
        return notes.note(checkpoint, [notes.sign(checkpoint, checkpoint.origin, key) for key in keys])

    def advance(self) -> None:
        """Let ``next.key`` sign from now on; the old private key is gone with that.

        A crash leaves one of the two states: renaming over the old key is one step.
        """
        (self.folder / NEXT).replace(self.folder / CURRENT)
        sync_folder(self.folder)

    def first_note_kept(self) -> None:
        """The head file holds a note of this origin: from here on it may never be missing."""
        (self.folder / UNSIGNED).unlink(missing_ok=True)
        sync_folder(self.folder)

    def begin_generation(self, generation: int) -> None:
        """Begin a new origin. A crash leaves the old number or the new one, the mark before the number."""
        write_private(self.folder / UNSIGNED, b"")
        draft = self.folder / f".{GENERATION}.new"
        with draft.open("w") as file:
            file.write(f"{generation}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / GENERATION)
        sync_folder(self.folder)

    def _load(self, name: str) -> Ed25519PrivateKey:
        path = self.folder / name
        try:
            return load_ed25519(path)
        except FileNotFoundError as error:
            raise Halt("key-missing", str(path)) from error
        except (OSError, ValueError, TypeError) as error:
            raise Halt("wrong-key", f"{path}: {error}") from error

    def _vkey(self, key: Ed25519PrivateKey) -> VerifierKey:
        return notes.vkey_of(self.origin, key.public_key())
