"""Which key may sign which checkpoint, and what signed notes from anywhere say about this log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.utils.translation import gettext as _

from audit import notes
from audit.notes import BadNote, Checkpoint, MissingKey, VerifierKey, WrongKey
from audit.verification.details import entry_of
from audit.verification.findings import Finding

KEYS = "SELECT generation, n, vkey, from_size FROM audit_log_key ORDER BY generation, n"
#: In one statement: a rotation writes its line and its key at once, and between two reads it may come.
ROTATIONS = """
SELECT idx, line, NULL, NULL, NULL FROM audit_log WHERE verb = 'log.rotate'
UNION ALL SELECT NULL, NULL, vkey, n, from_size FROM audit_log_key
"""


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key of the log: it signs checkpoints from ``from_size`` on, until the next one does."""

    generation: int
    n: int
    key: VerifierKey
    from_size: int


class Keyring:
    """The keys of the log, oldest first, as stored. Errors: BadNote when one can't be read."""

    def __init__(self, keys: Sequence[LogKey]) -> None:
        self.keys = list(keys)

    @classmethod
    def of(cls, connection: psycopg.Connection[Any]) -> "Keyring":
        """Return the keys that the database names."""
        rows = connection.execute(KEYS).fetchall()
        return cls([LogKey(g, n, VerifierKey.parse(vkey), start) for g, n, vkey, start in rows])

    def at(self, size: int) -> LogKey | None:
        """Return the key that signs a checkpoint of ``size``."""
        fitting = [key for key in self.keys if key.from_size <= size]
        return fitting[-1] if fitting else None

    def verifiers(self) -> list[VerifierKey]:
        """Return all of them as verifier keys."""
        return [entry.key for entry in self.keys]

    def before(self, entry: LogKey) -> LogKey | None:
        """Return the key that ``entry`` replaced by a rotation."""
        same = [k for k in self.keys if k.generation == entry.generation and k.n == entry.n - 1]
        return same[0] if same else None


def judge_note(note: str, size: int, root: bytes, ring: Keyring, previous: int) -> Finding | None:
    """Check one stored checkpoint: its text, and that the key known then signed it.

    previous: the size of the checkpoint before it, by which the first one of a new key is known; that one
    the old key must have signed as well.
    """
    index, words = size - 1, {"size": size}
    wanted = ring.at(size)
    if wanted is None:
        return Finding("missing-key", index, _("No key of the log is known for %(size)s entries.") % words)
    try:
        opened = notes.open_note(note, ring.verifiers())
    except WrongKey:
        return Finding(
            "wrong-key", index, _("The signature on the checkpoint of %(size)s entries is wrong.") % words
        )
    except MissingKey:
        return Finding(
            "missing-key",
            index,
            _("The checkpoint of %(size)s entries is not signed by a key of this log.") % words,
        )
    except BadNote:
        return Finding("note", index, _("The checkpoint of %(size)s entries can't be read.") % words)
    if opened.checkpoint != Checkpoint(wanted.key.name, size, root):
        return Finding("note", index, _("The checkpoint of %(size)s entries says something else.") % words)
    required = [wanted]
    replaced = ring.before(wanted)
    if replaced and previous < wanted.from_size:
        required.append(replaced)
    if not {entry.key.text for entry in required} <= {key.text for key in opened.log_keys}:
        return Finding(
            "wrong-key",
            index,
            _("The checkpoint of %(size)s entries is not signed by the key that was valid then.") % words,
        )
    return None


def judge_rotations(connection: psycopg.Connection[Any]) -> list[Finding]:
    """Each key but a generation's first is named by a ``log.rotate`` line, and each such line names a key."""
    told: dict[str, int] = {}
    known: dict[str, tuple[int, int]] = {}
    for idx, line, vkey, n, from_size in connection.execute(ROTATIONS):
        if line is None:
            known[vkey] = (n, from_size)
        else:
            told[str(entry_of(line).get("vkey"))] = idx
    findings = [
        Finding("missing-key", idx, _("Entry %(idx)s names a key that is not in the list.") % {"idx": idx})
        for vkey, idx in told.items()
        if vkey not in known
    ]
    for vkey, (n, from_size) in known.items():
        if n > 1 and (vkey not in told or told[vkey] >= from_size):
            words = {"id": vkey.partition("+")[2][:8], "size": from_size}
            sentence = _("The key %(id)s, valid from %(size)s entries on, was never announced in the log.")
            findings.append(Finding("wrong-key", None, sentence % words))
    return findings


def judge_cosignature(
    checkpoint: Checkpoint, line: str, witnesses: Sequence[VerifierKey]
) -> tuple[bool, Finding | None]:
    """Return (is the witness known, what is wrong with its signature line)."""
    name = line.split(" ")[1] if line.count(" ") == 2 else "?"
    words = {"name": name, "size": checkpoint.size}
    try:
        known = notes.verified(notes.note(checkpoint, [line]), witnesses)
    except (WrongKey, BadNote):
        sentence = _("The cosignature by %(name)s at %(size)s entries is wrong.")
        return True, Finding("wrong-key", checkpoint.size - 1, sentence % words)
    return bool(known), None
