"""The plate list on the trailer: fetched signed, kept encrypted, compared in memory, dropped with its right.

A read that stands on no entry leaves no trace: it is not stored, not counted, not logged. Two plates are the
same, look the same after folding, or have nothing to do with each other; never an edit distance.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
import sqlite3
import struct
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.clock import parse
from agent.signing import unb64url

log = logging.getLogger("agent.hotlist")

#: A list issued longer ago than this is compared with no more (H8).
MAX_AGE = timedelta(hours=48)
SCHEMA = "csrp.hotlist/1"
_BLOCK_LINES = 20_000
_NONCE_BYTES = 12
_NOT_KEY = re.compile(r"[^A-Z0-9]")
_KEY = re.compile(r"[A-Z0-9]{2,8}\Z")
_FOLD = str.maketrans("OQILZSGB", "00112568")
_HEAD = {
    "list_id": str, "to": int, "issued_at": str, "valid_to": str, "sha256_full": str, "kid": str, "sig": str,
}  # fmt: skip
_TABLE = """
CREATE TABLE entry (e TEXT PRIMARY KEY, k TEXT NOT NULL, f TEXT NOT NULL, j TEXT NOT NULL, c TEXT NOT NULL,
                    p INTEGER, till TEXT NOT NULL) WITHOUT ROWID;
"""


class BadList(ValueError):
    """What came is no list of this console's. ``str()`` says why, without a plate."""


@dataclass(frozen=True)
class Match:
    """The entry that a read stands on; ``exact`` False: it only looks like it."""

    list_id: str
    version: int
    entry_id: str
    exact: bool

    def reference(self) -> dict[str, Any]:
        """Return the contract's ``hotlist`` block."""
        return {"list_id": self.list_id, "version": self.version, "entry_id": self.entry_id}


def plate_key(text: str) -> str | None:
    """Return the key of a plate (NFKC, upper case, only A-Z 0-9, 2 to 8 long), or None."""
    key = _NOT_KEY.sub("", unicodedata.normalize("NFKC", text).upper())
    return key if _KEY.match(key) else None


def fold(key: str) -> str:
    """Return the key with characters that look alike made one."""
    return key.translate(_FOLD)


class _Table:
    """The entries of one version, in memory only."""

    def __init__(self) -> None:
        self.head: dict[str, Any] = {}
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA temp_store = MEMORY")
        self._db.executescript(_TABLE)

    def copy(self) -> _Table:
        """Return the same entries in a table of their own."""
        other = _Table()
        other._db.executescript("DROP TABLE entry")
        self._db.backup(other._db)
        other.head = dict(self.head)
        return other

    def apply(self, lines: Iterable[str]) -> None:
        """Add and delete as the lines say. Errors: BadList."""
        adds: list[tuple[Any, ...]] = []
        try:
            self._db.execute("BEGIN")
            for line in lines:
                told = json.loads(line)
                if told["op"] == "del":
                    self._db.execute("DELETE FROM entry WHERE e = ?", (str(told["e"]),))
                elif told["op"] == "add":
                    key = str(told["k"])
                    where, kind, till = str(told["j"]), str(told["c"]), str(told["to"])
                    adds.append((str(told["e"]), key, fold(key), where, kind, told["p"], till))
            self._db.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", adds)
            self._db.execute("COMMIT")
        except (ValueError, KeyError, TypeError, sqlite3.Error) as error:
            raise BadList(f"a line that cannot be read ({type(error).__name__})") from None

    def index(self) -> None:
        """Make comparing fast; once, after a whole list was taken in."""
        self._db.execute("CREATE INDEX IF NOT EXISTS entry_f ON entry (f)")

    def state(self) -> bytes:
        """Return the canonical full state (docs/hotlists.md) of what is here."""
        categories: dict[str, Any] = {}
        for (name,) in self._db.execute("SELECT DISTINCT c FROM entry ORDER BY c").fetchall():
            digest, count = hashlib.sha256(), 0
            for e, k, j, p, till in self._db.execute(
                "SELECT e, k, j, p, till FROM entry WHERE c = ? ORDER BY e", (name,)
            ):
                shown = "null" if p is None else p
                digest.update(
                    f'{{"c":"{name}","e":"{e}","j":"{j}","k":"{k}","p":{shown},"to":"{till}"}}\n'.encode()
                )
                count += 1
            categories[name] = {"entries": count, "sha256": digest.hexdigest()}
        head = self.head
        return rfc8785.dumps(
            {
                "schema": SCHEMA, "list_id": head["list_id"], "version": head["to"],
                "issued_at": head["issued_at"], "valid_to": head["valid_to"], "categories": categories,
            }
        )  # fmt: skip

    def lines(self) -> Iterator[str]:
        """Yield the entries as ``add`` lines."""
        for e, k, j, c, p, till in self._db.execute("SELECT e, k, j, c, p, till FROM entry"):
            yield json.dumps({"op": "add", "e": e, "k": k, "j": j, "c": c, "p": p, "to": till})

    def alike(self, folded: str) -> list[tuple[str, str, str, int | None, str]]:
        """Return (entry, key, jurisdiction, priority, end) of those that fold to the same."""
        query = "SELECT e, k, j, p, till FROM entry WHERE f = ?"
        return self._db.execute(query, (folded,)).fetchall()

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM entry").fetchone()[0])

    def close(self) -> None:
        """Give the memory back."""
        self._db.close()


class PlateList:
    """The list of this trailer's deployment, or none. Its file is sealed under a key that goes with it."""

    def __init__(self, state_dir: Path, trailer: str, console_keys: Mapping[str, bytes]) -> None:
        self._path = state_dir / "hotlist.sealed"
        self._key_path = state_dir / "hotlist.key"
        self._aad = f"hotlist|{trailer}".encode()
        self._keys = console_keys
        self._table: _Table | None = None
        self.etag: str | None = None

    @property
    def version(self) -> int | None:
        """The version that is here, or None."""
        return int(self._table.head["to"]) if self._table is not None else None

    @property
    def issued_at(self) -> str | None:
        """When that version was issued, as the console told it, or None."""
        return str(self._table.head["issued_at"]) if self._table is not None else None

    def __len__(self) -> int:
        return len(self._table) if self._table is not None else 0

    def match(self, plate: str, jurisdiction: str, now: datetime) -> Match | None:
        """Return the entry that this read stands on, or None: then nothing of it may be kept.

        jurisdiction: ISO 3166-2, or ``unknown``, which makes any likeness a lookalike.
        """
        key, table = plate_key(plate), self._table
        if key is None or table is None or not self.holds(now):
            return None
        found = []
        for entry_id, listed, issued_in, priority, till in table.alike(fold(key)):
            known = "unknown" not in (jurisdiction, issued_in)
            if (not known or issued_in == jurisdiction) and parse(till) > now:
                found.append((not (known and listed == key), priority or 10, entry_id))
        if not found:
            return None
        looks, _priority, entry_id = min(found)
        return Match(table.head["list_id"], int(table.head["to"]), entry_id, exact=not looks)

    def holds(self, now: datetime) -> bool:
        """Tell whether the list may still be compared with: not over, and not older than 48 h."""
        head = self._table.head if self._table is not None else None
        return (
            head is not None and parse(head["valid_to"]) > now and now - parse(head["issued_at"]) <= MAX_AGE
        )

    def over(self, now: datetime) -> bool:
        """Tell whether its own end has passed: then it is dropped."""
        return self._table is not None and parse(self._table.head["valid_to"]) <= now

    def take(self, lines: Iterator[str], etag: str | None) -> None:
        """Take a whole list or a difference, if the console's key signed what it comes to; else keep the old.

        Errors: BadList; OSError when it counts but no disk keeps it: then none is kept, for the one before
        may name plates that were taken off. Runs in a thread: a million entries take seconds.
        """
        fresh = self._adopt(lines, etag)
        try:
            self._seal(fresh, etag)
        except OSError:
            self._unlink()
            raise
        if self._table is not fresh:
            # Its right ended while it was being written.
            self._unlink()

    def _adopt(self, lines: Iterator[str], etag: str | None) -> _Table:
        """Compare with a list from now on. Errors: BadList."""
        head = _head(next(lines, ""))
        whole = head["from"] is None
        current = self._table
        if not whole and (current is None or head["from"] != self.version):
            raise BadList("a difference from a version that is not here")
        if current is not None and head["list_id"] == current.head["list_id"] and head["to"] < self.version:
            raise BadList("an older version than the one that is here")
        fresh = _Table() if whole or current is None else current.copy()
        try:
            fresh.head = head
            for block in _blocks(lines):
                fresh.apply(block)
            self._verify(fresh)
            fresh.index()
        except BaseException:
            fresh.close()
            raise
        # The old table goes when the last comparison has let go of it.
        self._table, self.etag = fresh, etag
        return fresh

    def _verify(self, table: _Table) -> None:
        head, state = table.head, table.state()
        key = self._keys.get(head["kid"])
        if key is None:
            raise BadList("signed by a key that the enrolment did not name")
        if hashlib.sha256(state).hexdigest() != head["sha256_full"]:
            raise BadList("it does not come to what it says")
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(unb64url(head["sig"]), state)
        except (InvalidSignature, ValueError):
            raise BadList("its signature does not hold") from None

    def load(self) -> None:
        """Take up what an earlier run kept, if it is whole and signed; a reboot without a link goes on so."""
        try:
            etag, lines = self._unseal()
            self._adopt(lines, etag)
        except (OSError, BadList, ValueError, InvalidTag, zlib.error) as error:
            if not isinstance(error, FileNotFoundError):
                log.warning("the kept list is not taken up: %s", type(error).__name__)
            self.forget()

    def forget(self) -> None:
        """Drop every entry, the file and its key."""
        self._table, self.etag = None, None
        self._unlink()

    def _unlink(self) -> None:
        for path in (self._key_path, self._path, self._path.with_name("hotlist.sealed.new")):
            with suppress(FileNotFoundError):
                path.unlink()

    def _seal(self, table: _Table, etag: str | None) -> None:
        """Write the whole list, block by block, under a new key; whole or not at all."""
        key = secrets.token_bytes(32)
        cipher, draft = AESGCM(key), self._path.with_name("hotlist.sealed.new")
        head = json.dumps({**table.head, "from": None, "etag": etag})
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            for number, block in enumerate(_blocks(iter([head])), 0):
                file.write(self._block(cipher, number, block))
            for number, block in enumerate(_blocks(table.lines()), 1):
                file.write(self._block(cipher, number, block))
            file.flush()
            os.fsync(file.fileno())
        key_draft = self._path.with_name("hotlist.key.new")
        with os.fdopen(os.open(key_draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key)
        draft.replace(self._path)
        key_draft.replace(self._key_path)

    def _block(self, cipher: AESGCM, number: int, lines: list[str]) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = zlib.compress("\n".join(lines).encode(), 1)
        sealed = nonce + cipher.encrypt(nonce, plain, self._aad + struct.pack(">Q", number))
        return struct.pack(">I", len(sealed)) + sealed

    def _unseal(self) -> tuple[str | None, Iterator[str]]:
        cipher = AESGCM(self._key_path.read_bytes())
        blocks = self._opened(cipher)
        head = json.loads(next(blocks))
        etag = head.pop("etag", None)

        def lines() -> Iterator[str]:
            yield json.dumps(head)
            for block in blocks:
                yield from block.split("\n")

        return etag, lines()

    def _opened(self, cipher: AESGCM) -> Iterator[str]:
        with self._path.open("rb") as file:
            number = 0
            while size := file.read(4):
                sealed = file.read(*struct.unpack(">I", size))
                context = self._aad + struct.pack(">Q", number)
                plain = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
                yield zlib.decompress(plain).decode()
                number += 1


def _head(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
        if not isinstance(told, dict) or not (told["from"] is None or isinstance(told["from"], int)):
            raise BadList("a first line without its members")
        if any(not isinstance(told[name], kind) for name, kind in _HEAD.items()):
            raise BadList("a first line without its members")
        parse(told["issued_at"]), parse(told["valid_to"])
    except (KeyError, ValueError) as error:
        raise error if isinstance(error, BadList) else BadList("a first line that cannot be read") from None
    return {**told}


def _blocks(lines: Iterator[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lines:
        if line:
            block.append(line)
        if len(block) == _BLOCK_LINES:
            yield block
            block = []
    if block:
        yield block
