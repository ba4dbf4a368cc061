"""The agent's durable state: one SQLite file per trailer, so that a power cut never repeats a number or a
command."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS buffered (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rank INTEGER NOT NULL, sealed BLOB NOT NULL,
    at REAL NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS media (
    alert TEXT NOT NULL, kind TEXT NOT NULL, until REAL, sealed BLOB NOT NULL, at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (alert, kind));
CREATE TABLE IF NOT EXISTS raised (id TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS command (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, status TEXT NOT NULL, code TEXT, at REAL NOT NULL);
"""


class Store:
    """One connection in full-sync mode; deleted rows are overwritten, because they held somebody's plate."""

    def __init__(self, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = state_dir / "agent.db"
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self.db = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=DELETE", "synchronous=FULL", "secure_delete=ON"):
            self.db.execute(f"PRAGMA {pragma}")
        self.db.executescript(SCHEMA)
        self._add_times()

    def _add_times(self) -> None:
        """Give an older file's rows the time of capture; one that nothing tells counts as long ago."""
        for table, alert in (("buffered", "id"), ("media", "alert")):
            columns = [row[1] for row in self.db.execute(f"PRAGMA table_info({table})")]
            if "at" in columns:
                continue
            with self.transaction() as db:
                db.execute(f"ALTER TABLE {table} ADD COLUMN at REAL NOT NULL DEFAULT 0")
                known = f"SELECT at FROM raised WHERE raised.id = {table}.{alert}"
                db.execute(f"UPDATE {table} SET at = coalesce(({known}), 0)")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside becomes durable together, or not at all."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
            self.db.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled back already, or have left a COMMIT undone.
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def counter(self, name: str) -> int:
        """Return the last value given out under this name, 0 before the first."""
        row = self.db.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def set_counter(self, name: str, value: int) -> None:
        """Remember a counter; inside ``transaction`` when it belongs to another write."""
        self.db.execute(
            "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    def close(self) -> None:
        """Close the file."""
        self.db.close()
