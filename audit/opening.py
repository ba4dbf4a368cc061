"""What must hold before the log signs anything, checked whenever a sequencer begins its work.

The head file says what was signed last; the database has to contain exactly that. Lines after it, which a
crash left unsigned, are derived anew from their texts. Only reads, except that a log which never signed
gets the nodes it lacks (a release without a tree wrote its lines).
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from audit import notes, tree
from audit.appender import refuse_backwards
from audit.halt import Halt
from audit.logkeys import LogKeys
from audit.nodes import NodeMissing, among, present, reader
from audit.notes import BadNote, Checkpoint, MissingKey, VerifierKey, WrongKey
from audit.tree import Coordinate, Frontier

log = logging.getLogger(__name__)

#: Stored checkpoints compared at every start, the newest; `audit_verify --full` compares all.
COMPARED = 1_000
#: Lines derived at a time.
CHUNK = 4_000

SIZE = "SELECT coalesce(max(idx) + 1, 0), coalesce(min(idx), 0) FROM audit_log"
CHECKPOINTS = """
SELECT size, root, note FROM audit_checkpoint WHERE split_part(note, E'\\n', 1) = %s
ORDER BY size DESC LIMIT %s
"""
LARGEST = "SELECT coalesce(max(size), 0) FROM audit_checkpoint"
KEYS = "SELECT vkey FROM audit_log_key WHERE generation = %s ORDER BY n"
HIGHEST = "SELECT coalesce(max(generation), 0) FROM audit_log_key"
LINES = "SELECT idx, line, leaf FROM audit_log WHERE idx >= %s AND idx < %s ORDER BY idx"
#: A halt that people ended begins time anew: it may have been the clock.
NEWEST = """
SELECT at, clock_timestamp() FROM audit_log
WHERE idx >= coalesce((SELECT max(idx) FROM audit_log WHERE verb = 'log.halt'), 0)
ORDER BY at DESC LIMIT 1
"""
EVIDENCE = "SELECT evidence FROM audit_witness_state WHERE evidence <> ''"
STORE_NODES = "COPY audit_node (level, n, hash) FROM STDIN"


@dataclass(frozen=True, slots=True)
class Opening:
    """A log that may go on.

    frontier: its tree, all lines included. newest: the newest time in it. signed: how many lines the
    head file's note covers (0 for none). stored: the newest stored checkpoint of this origin, in lines.
    keys: the verifier keys of this generation that the database knows, oldest first.
    """

    frontier: Frontier
    newest: datetime | None
    signed: int
    stored: int
    keys: list[str]


def is_new(connection: psycopg.Connection[Any]) -> bool:
    """True when this database has never belonged to a log that signs."""
    return _one(connection, LARGEST) == _one(connection, HIGHEST) == 0


def check(connection: psycopg.Connection[Any], keys: LogKeys, head: str | None) -> Opening:
    """Return where the log stands. ``head``: the head file's note. Errors: Halt."""
    size, first = connection.execute(SIZE).fetchone() or (0, 0)
    known = _known_keys(connection, keys)
    verifiers = [*known, keys.vkey, *([keys.next_vkey] if keys.next_vkey else [])]
    signed = 0
    try:
        if head is not None:
            signed = _contained(connection, _opened(head, verifiers[len(known) :]), size)
        elif not keys.unsigned:
            raise Halt("head-missing")
        stored = _checkpoints_fit(connection, keys.origin, verifiers, size)
        _agree_on_key(keys, known)
        witnesses_agree(connection, verifiers, size)
        frontier = _derived(connection, max(signed, first), size, heal=signed == 0)
    except NodeMissing as error:
        raise Halt("node-missing", str(error)) from error
    if stored > signed:
        log.warning("the head file is older (%d lines) than the stored checkpoints (%d)", signed, stored)
    newest, now = connection.execute(NEWEST).fetchone() or (None, None)
    if known and now:
        # Without a key this generation's first lines are still to come: two people may begin time anew there.
        refuse_backwards(newest, now)
    return Opening(frontier, newest, signed, stored, [key.text for key in known])


def _opened(note: str, verifiers: list[VerifierKey]) -> Checkpoint:
    """Return the head's checkpoint, signed by a key that lies in the key folder."""
    try:
        return notes.open_note(note, verifiers).checkpoint
    except BadNote as error:
        raise Halt("head-unreadable", str(error)) from error
    except (MissingKey, WrongKey) as error:
        raise Halt("wrong-key", f"head file: {error}") from error


def _contained(connection: psycopg.Connection[Any], head: Checkpoint, size: int) -> int:
    if head.size > size:
        raise Halt("behind", f"signed {head.size} lines, in the database {size}")
    if tree.root(reader(connection), head.size) != head.root:
        raise Halt("differs", f"the root over the first {head.size} lines")
    return head.size


def _checkpoints_fit(
    connection: psycopg.Connection[Any], origin: str, verifiers: list[VerifierKey], size: int
) -> int:
    """Compare the newest stored checkpoints with the tree, all nodes in one query; return the newest size."""
    if (largest := _one(connection, LARGEST)) > size:
        raise Halt("checkpoint-differs", f"one covers {largest} lines, in the database are {size}")
    rows = connection.execute(CHECKPOINTS, [origin, COMPARED]).fetchall()
    found = present(connection, {node for covered, _root, _note in rows for node in tree.peaks_of(covered)})
    read = among(found)
    for covered, root, note in rows:
        try:
            told = notes.open_note(note, verifiers).checkpoint
        except ValueError as error:
            raise Halt("checkpoint-differs", f"the one of {covered} lines: {error}") from error
        if (told.size, told.root) != (covered, bytes(root)) or tree.root(read, covered) != told.root:
            raise Halt("checkpoint-differs", f"the one of {covered} lines")
    return rows[0][0] if rows else 0


def _known_keys(connection: psycopg.Connection[Any], keys: LogKeys) -> list[VerifierKey]:
    """Return what the database knows of this generation's keys: public, so good for old notes only."""
    if _one(connection, HIGHEST) > keys.generation:
        raise Halt("wrong-key", f"the key folder is of generation {keys.generation}, the database newer")
    try:
        return [VerifierKey.parse(text) for (text,) in connection.execute(KEYS, [keys.generation])]
    except BadNote as error:
        raise Halt("wrong-key", f"a verifier key in the database: {error}") from error


def _agree_on_key(keys: LogKeys, known: list[VerifierKey]) -> None:
    """Refuse a key folder without the key that signs now, or, after a crash in a rotation, signs next."""
    if known and known[-1] not in (keys.vkey, keys.next_vkey):
        raise Halt("wrong-key", f"the log signs with {known[-1]}, the folder has {keys.vkey}")


def witnesses_agree(connection: psycopg.Connection[Any], verifiers: list[VerifierKey], size: int) -> None:
    """Compare what a witness showed as proof against us, where our own signature is on it. Errors: Halt."""
    for (evidence,) in connection.execute(EVIDENCE).fetchall():
        try:
            told = notes.open_note(evidence, verifiers).checkpoint
        except ValueError:
            continue
        try:
            agrees = told.size <= size and tree.root(reader(connection), told.size) == told.root
        except NodeMissing as error:
            raise Halt("node-missing", str(error)) from error
        if not agrees:
            raise Halt("witness-knows", f"signed {told.size} lines, in the database {size}")


def _derived(connection: psycopg.Connection[Any], start: int, size: int, *, heal: bool) -> Frontier:
    """Return the tree over all lines, those from ``start`` on derived from their texts.

    heal: store nodes that are missing. A crash in between leaves some of them, and the next start the
    rest.
    """
    frontier = Frontier.of(reader(connection), start)
    while frontier.size < size:
        expected: dict[Coordinate, bytes] = {}
        until = min(size, frontier.size + CHUNK)
        rows = connection.execute(LINES, [frontier.size, until]).fetchall()
        for idx, text, leaf in rows:
            if idx != frontier.size or tree.leaf_hash(text) != bytes(leaf):
                raise Halt("line-differs", f"line {frontier.size}")
            expected |= {(level, n): value for level, n, value in frontier.append(bytes(leaf))}
        if frontier.size != until:
            raise Halt("line-differs", f"line {frontier.size} is missing")
        _compare(connection, expected, heal=heal)
    connection.commit()
    return frontier


def _compare(connection: psycopg.Connection[Any], expected: dict[Coordinate, bytes], *, heal: bool) -> None:
    found = present(connection, expected)
    for (level, n), value in found.items():
        if value != expected[level, n]:
            raise Halt("node-differs", f"node {n} of level {level}")
    missing = [(level, n, value) for (level, n), value in expected.items() if (level, n) not in found]
    if missing and not heal:
        raise NodeMissing(*missing[0][:2])
    if missing:
        with connection.cursor() as cursor, cursor.copy(STORE_NODES) as copy:
            for row in missing:
                copy.write_row(row)
        connection.commit()


def _one(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
