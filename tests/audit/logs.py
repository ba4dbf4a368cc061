"""A log under test: writing entries as the app does, and checking everything that was sealed of them.

The checks share nothing with ``audit/``: leaves, nodes, roots and signatures are computed here anew.
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import audit
from audit.record import INSERT
from csoc.lib.ids import uuid7
from tests.audit.conftest import PERSON

Connect = Callable[[str], psycopg.Connection[Any]]
Row = tuple[int, uuid.UUID, str, bytes]


class Crash(Exception):
    """The process is gone, as far as the sequencer can tell."""


def crash_after(step: str) -> Callable[[str], None]:
    """Return what a sequencer calls after its steps: it dies after this one."""

    def after(done: str) -> None:
        if done == step:
            raise Crash(step)

    return after


def write(connection: psycopg.Connection[Any], count: int, agency: str = "DEMO-PS") -> list[uuid.UUID]:
    """Insert ``count`` valid entries, as the app does."""
    uids = []
    with audit.acting_as(PERSON):
        for number in range(count):
            uid = uuid7()
            ref = audit.Ref("trailer", f"TRL-{number % 7:04d}", agency)
            connection.execute(INSERT, [uid, audit.body("video.live.open", ref, uid=uid).decode()])
            uids.append(uid)
    return uids


def read_log(connection: psycopg.Connection[Any]) -> list[Row]:
    """The whole log, in order."""
    return connection.execute("SELECT idx, uid, line, leaf FROM audit_log ORDER BY idx").fetchall()


def entries(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """The entries of the whole log, in order."""
    return [json.loads(text)["e"] for _idx, _uid, text, _leaf in read_log(connection)]


def check_lines(rows: list[Row]) -> None:
    """Every rule of a line, recomputed from nothing but the lines."""
    actors: dict[str, tuple[int, int]] = {}
    objects: dict[str, tuple[int, int]] = {}
    for position, (idx, uid, text, leaf) in enumerate(rows):
        line = json.loads(text)
        assert idx == position == line["i"]
        assert line["e"]["uid"] == str(uid)
        assert rfc8785.dumps(line) == text.encode()
        assert hashlib.sha256(b"\x00" + text.encode()).digest() == leaf
        assert datetime.fromisoformat(line["t"]).tzinfo is not None
        for known, key, count, previous in (
            (actors, line["e"]["actor"]["id"], "na", "pa"),
            (objects, ":".join(list(line["e"]["object"][k] for k in ("type", "id"))), "no", "po"),
        ):
            last, number = known.get(key, (None, 0))
            assert (line[previous], line[count]) == (last, number + 1)
            known[key] = (idx, number + 1)


def check_log(connection: psycopg.Connection[Any]) -> list[Row]:
    """Every line, node, checkpoint and key; and that a signature covers the whole log. Returns the lines."""
    rows = read_log(connection)
    check_lines(rows)
    levels = levels_over([leaf for _idx, _uid, _line, leaf in rows])
    _check_nodes(connection, levels)
    keys = connection.execute("SELECT vkey, from_size FROM audit_log_key ORDER BY generation, n").fetchall()
    notes = connection.execute("SELECT size, root, note FROM audit_checkpoint ORDER BY size").fetchall()
    assert notes[-1][0] == len(rows), "a signature covers the whole log"
    for size, root, note in notes:
        assert root == root_of(levels, 0, size)
        origin, written, encoded = note.split("\n")[:3]
        assert (int(written), base64.b64decode(encoded)) == (size, root)
        wanted = [vkey for vkey, since in keys if vkey.split("+")[0] == origin and since <= size]
        assert wanted[-1] in signers(note, [vkey for vkey, _since in keys])
    return rows


def _check_nodes(connection: psycopg.Connection[Any], levels: list[list[bytes]]) -> None:
    stored = connection.execute("SELECT level, n, hash FROM audit_node").fetchall()
    expected = [(level, n, value) for level, row in enumerate(levels) if level for n, value in enumerate(row)]
    assert sorted(stored) == expected, "every full node, and only full nodes"


def levels_over(leaves: list[bytes]) -> list[list[bytes]]:
    """The full nodes of each level, the leaves first."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([_joined(below[n], below[n + 1]) for n in range(0, len(below) - 1, 2)])
    return levels


def root_of(levels: list[list[bytes]], start: int, end: int) -> bytes:
    """The root over some leaves by the RFC's own recursion; full nodes are taken from ``levels``."""
    count = end - start
    if count == 0:
        return hashlib.sha256(b"").digest()
    height = (count - 1).bit_length()
    if count == 1 << height:
        return levels[height][start >> height]
    split = start + (1 << height - 1)
    return _joined(root_of(levels, start, split), root_of(levels, split, end))


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def signers(note: str, vkeys: list[str]) -> list[str]:
    """Those of ``vkeys`` whose signature on the note is there and valid."""
    text, _blank, signed = note.partition("\n\n")
    found = []
    for vkey in vkeys:
        name, key_id, encoded = vkey.split("+", 2)
        for line in signed.splitlines():
            _dash, signer, signature = line.split(" ")
            raw = base64.b64decode(signature)
            if (signer, raw[:4].hex()) == (name, key_id):
                public = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
                public.verify(raw[4:], f"{text}\n".encode())
                found.append(vkey)
    return found
