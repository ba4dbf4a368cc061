"""What the log signed and who cosigned it, read from the database and the list of witnesses.

A cosignature is only ever returned after its signature was checked here, together with the log's own:
a row in a table is not a witness.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from audit import notes
from audit.notes import BadNote, MissingKey, VerifierKey, WrongKey

READ = "SELECT size, root, note, at FROM audit_checkpoint"
NEWEST = f"{READ} ORDER BY size DESC LIMIT 1"
COVERING = f"{READ} WHERE size > %s ORDER BY size LIMIT 1"
AT_SIZE = f"{READ} WHERE size = %s"
COSIGNED_SIZES = """
SELECT DISTINCT size FROM audit_cosignature WHERE size > %s ORDER BY size DESC LIMIT %s
"""
LINES = "SELECT line FROM audit_cosignature WHERE size = %s ORDER BY witness"
KEYS = "SELECT vkey FROM audit_log_key ORDER BY generation, n"
#: Cosigned checkpoints looked at before giving up: more than one only if somebody wrote wrong rows.
LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Stored:
    """One signed checkpoint as the database has it: ``note`` without cosignatures, ``at`` when kept."""

    size: int
    root: bytes
    note: str
    at: datetime

    @property
    def origin(self) -> str:
        """Return the log's name on it."""
        return self.note.split("\n", 1)[0]


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's signature that verifies: its key, when it signed (seconds since 1970), and the line."""

    vkey: VerifierKey
    at: int
    line: str


@dataclass(frozen=True, slots=True)
class Witness:
    """Who may cosign: ``url`` is '' for one that is asked by file; ``words`` say who it is, for people."""

    vkey: VerifierKey
    url: str
    words: str

    @property
    def name(self) -> str:
        """Return its key's name, which stands before its signatures."""
        return self.vkey.name


# -- checkpoints ---------------------------------------------------------------------------------------


def newest(using: str = "default") -> Stored | None:
    """Return the newest signed checkpoint."""
    return _one(using, NEWEST, [])


def covering(index: int, using: str = "default") -> Stored | None:
    """Return the first signed checkpoint that covers line ``index``; None while it waits for one."""
    return _one(using, COVERING, [index])


def at_size(size: int, using: str = "default") -> Stored | None:
    """Return the checkpoint of exactly ``size`` lines."""
    return _one(using, AT_SIZE, [size])


def newest_witnessed(above: int = 0, using: str = "default") -> Stored | None:
    """Return the newest checkpoint of more than ``above`` lines that a listed witness validly cosigned."""
    found = newest_cosigned(above, using)
    return found[0] if found else None


def newest_cosigned(above: int = 0, using: str = "default") -> tuple[Stored, list[Cosignature]] | None:
    """Return the same checkpoint with its valid cosignatures."""
    for (size,) in _rows(using, COSIGNED_SIZES, [above, LOOKED_AT]):
        stored, cosigned = at_size(size, using), cosignatures(size, using)
        if stored and cosigned:
            return stored, cosigned
    return None


def cosignatures(size: int, using: str = "default") -> list[Cosignature]:
    """Return the valid cosignatures of listed witnesses on the checkpoint of ``size``, by name."""
    stored = at_size(size, using)
    if stored is None:
        return []
    lines = [line for (line,) in _rows(using, LINES, [size])]
    return verified_cosignatures(stored.note, lines, log_vkeys(using), [w.vkey for w in witnesses()])


def note_with_cosignatures(size: int, using: str = "default") -> str:
    """Return the signed note of ``size`` with every valid cosignature under it. Errors: LookupError."""
    stored = at_size(size, using)
    if stored is None:
        raise LookupError(f"there is no checkpoint of {size} lines")
    return stored.note + "".join(f"{found.line}\n" for found in cosignatures(size, using))


def verified_cosignatures(
    note: str, lines: Iterable[str], log_keys: list[VerifierKey], witness_keys: list[VerifierKey]
) -> list[Cosignature]:
    """Return those of ``lines`` that a witness signed under ``note``; each is judged alone.

    Empty as well when the note itself is not signed by the log.
    """
    found: dict[VerifierKey, Cosignature] = {}
    for line in lines:
        try:
            opened = notes.open_note(f"{note}{line}\n", [*log_keys, *witness_keys])
        except (BadNote, MissingKey, WrongKey):
            continue
        for key, at, own in opened.cosignatures:
            found.setdefault(key, Cosignature(key, at, own))
    return sorted(found.values(), key=lambda item: (item.vkey.name, item.vkey.key_id))


# -- keys ----------------------------------------------------------------------------------------------


def log_vkeys(using: str = "default") -> list[VerifierKey]:
    """Return the log's own public keys, oldest first."""
    return [VerifierKey.parse(text) for (text,) in _rows(using, KEYS, [])]


def witnesses() -> list[Witness]:
    """Return the witnesses of the list in CSOC_AUDIT_WITNESSES; none when there is no list."""
    return read_witnesses(settings.AUDIT_WITNESSES)[0]


def read_witnesses(path: Path) -> tuple[list[Witness], list[str]]:
    """Return the witnesses listed in ``path`` and a sentence about every line that names none.

    A line is ``vkey [http address] [# words]``. One wrong line never takes the others' voice away.
    """
    if not path.exists():
        return [], []
    found: dict[VerifierKey, Witness] = {}
    faults = []
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        entry, _hash, words = line.partition("#")
        if not entry.strip():
            continue
        try:
            witness = _witness(entry.split(), words.strip())
            found.setdefault(witness.vkey, witness)
        except BadNote as error:
            faults.append(f"{path.name}, line {number}: {error}.")
    return list(found.values()), faults


def _witness(fields: list[str], words: str) -> Witness:
    if len(fields) > 2:
        raise BadNote("a witness has a verifier key, perhaps an address, and words after a #")
    vkey, url = VerifierKey.parse(fields[0]), fields[1] if len(fields) == 2 else ""
    if vkey.algorithm != notes.WITNESS:
        raise BadNote(f"{vkey.name} is the key of a log, not of a witness")
    if url and not url.startswith(("http://", "https://")):
        raise BadNote(f"the address of {vkey.name} begins with http:// or https://")
    return Witness(vkey, url.rstrip("/"), words)


# -- rows ----------------------------------------------------------------------------------------------


def _one(using: str, query: str, parameters: list[Any]) -> Stored | None:
    rows = _rows(using, query, parameters)
    if not rows:
        return None
    size, root, note, at = rows[0]
    return Stored(size, bytes(root), note, at)


def _rows(using: str, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
