"""What is said about the log as a whole: its ends, and what others remember of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from django.utils.translation import gettext as _

from audit import notes
from audit.notes import BadNote, Checkpoint, MissingKey, VerifierKey, WrongKey
from audit.tree import Frontier
from audit.verification.findings import Finding
from audit.verification.signatures import Keyring
from audit.verification.slices import Broken, stored_peaks

ENDS = "SELECT coalesce(min(idx), 0), coalesce(max(idx) + 1, 0) FROM audit_log"
SIGNED = """
SELECT coalesce(max(size), 0), (SELECT coalesce(max(idx) + 1, 0) FROM audit_log) FROM audit_checkpoint
"""
PRUNED = """
SELECT object FROM audit_log
WHERE verb = 'log.prune' AND outcome = 'allowed' AND object LIKE 'log:partition:%'
"""
DOUBLES = "SELECT uid, min(idx), max(idx) FROM audit_log GROUP BY uid HAVING count(*) > 1 LIMIT 20"
#: Partitions hold so many lines.
PARTITION_BITS = 20


def ends(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """Return the first index there is and the size of the log; (0, 0) when it is empty."""
    row = connection.execute(ENDS).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def judge_beginning(connection: psycopg.Connection[Any], first: int) -> list[Finding]:
    """A log that does not begin with line 0 was pruned, partition by partition, each with its entry."""
    if first == 0:
        return []
    named = {str(row[0]).removeprefix("log:partition:") for row in connection.execute(PRUNED)}
    gone = range((first + (1 << PARTITION_BITS) - 1) >> PARTITION_BITS)
    missing = [n for n in gone if str(n) not in named]
    if not missing and first % (1 << PARTITION_BITS) == 0:
        return []
    sentence = _("Entries 0 to %(last)s are missing, and no entry says that they were pruned.")
    return [Finding("missing", 0, sentence % {"last": first - 1})]


def judge_end(connection: psycopg.Connection[Any]) -> list[Finding]:
    """The log holds at least what its own stored checkpoints cover."""
    # In one statement: between two the log may grow, and be signed.
    signed, size = connection.execute(SIGNED).fetchone() or (0, 0)
    if signed <= size:
        return []
    words = {"signed": f"{signed:,}", "size": f"{size:,}"}
    sentence = _("%(signed)s entries were signed; there are %(size)s. The newest are missing.")
    return [Finding("rollback", None, sentence % words)]


def judge_doubles(connection: psycopg.Connection[Any]) -> list[Finding]:
    """Each entry has an id of its own. Reads every id of the log."""
    sentence = _("Entries %(first)s and %(last)s bear the same id.")
    rows = connection.execute(DOUBLES).fetchall()
    return [Finding("line", last, sentence % {"first": first, "last": last}) for _uid, first, last in rows]


def root_at(connection: psycopg.Connection[Any], size: int) -> bytes:
    """Return the root over the first ``size`` lines, from the stored tree. Errors: Broken."""
    return Frontier(size, stored_peaks(connection, size)).root()


def compare(connection: psycopg.Connection[Any], seen: Checkpoint, who: str) -> Finding | None:
    """Hold what ``who`` remembers against the log that stands here.

    The log's size is read here, after ``seen``: read before, a log that grew meanwhile would look cut off.
    """
    _first, size = ends(connection)
    words = {"who": who, "seen": f"{seen.size:,}", "here": f"{size:,}"}
    if seen.size > size:
        sentence = _("%(who)s has seen a log of %(seen)s entries; this one has %(here)s.")
        return Finding("rollback", None, sentence % words)
    try:
        same = root_at(connection, seen.size) == seen.root
    except Broken as error:
        return error.finding
    if same:
        return None
    sentence = _("%(who)s has seen other entries: the first %(seen)s of this log are not those it knows.")
    return Finding("fork", None, sentence % words)


def judge_head(connection: psycopg.Connection[Any], path: Path, ring: Keyring) -> list[Finding]:
    """Hold the head file (the sequencer's last signed note, outside the database) against the log.

    Nothing is said when it can't be read by this process: it may belong to another user, on purpose.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError):
        return []
    who = _("The head file")
    found, checkpoint = judge_seen(text, ring.verifiers(), [], who, require_witness=False)
    if any(finding.code == "missing-key" for finding in found):
        # The key may be newer than ``ring``; it stands in the database before it signs a head.
        newer = Keyring.of(connection).verifiers()
        found, checkpoint = judge_seen(text, newer, [], who, require_witness=False)
    if checkpoint:
        compared = compare(connection, checkpoint, who)
        found += [compared] if compared else []
    return found


def judge_seen(
    text: str,
    log_keys: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey],
    who: str,
    *,
    require_witness: bool = True,
) -> tuple[list[Finding], Checkpoint | None]:
    """Open a signed note from elsewhere; where required, one of ``witnesses`` must have cosigned it."""
    words = {"who": who}
    try:
        opened = notes.open_note(text, [*log_keys, *witnesses])
    except WrongKey:
        return [Finding("wrong-key", None, _("%(who)s: a signature does not verify.") % words)], None
    except MissingKey:
        sentence = _("%(who)s: the note is not signed by a key of this log.")
        return [Finding("missing-key", None, sentence % words)], None
    except BadNote as error:
        sentence = _("%(who)s: the note can't be read (%(why)s).")
        return [Finding("note", None, sentence % (words | {"why": error}))], None
    if require_witness and not opened.cosignatures:
        return [Finding("witness", None, _("%(who)s: no witness has signed this note.") % words)], None
    return [], opened.checkpoint
