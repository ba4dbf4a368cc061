"""Store and forward: alerts wait here, encrypted, until the console has answered for each of them.

What is sealed is the alert's body as it happened: the id, ``seq`` and ``occurred_at`` never change. A
signature is made only when a body is sent, so nothing here grows stale while the link is down.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.media import MOST_BYTES, Media
from agent.store import Store

log = logging.getLogger("agent.buffer")

RANK = {"gunshot": 0, "alpr_hit": 1}
NONCE_BYTES = 12
RAISED_KEPT_S = 48 * 3600.0
#: Whatever was captured this long ago is destroyed, sent or not: unreadable before 48 h (H10).
KEPT = timedelta(hours=47)
#: When even the deleting fails, the key goes in time.
KEY_KEPT = KEPT + timedelta(minutes=45)


@dataclass(frozen=True)
class Buffered:
    """One waiting alert; ``body`` is the JSON that was sealed when it happened."""

    seq: int
    id: str
    body: dict[str, Any]


class Buffer:
    """A bounded, encrypted queue on disk: gunshots before plates, then by ``seq``.

    When it is full the oldest plate hit gives way, and only when there is none the oldest gunshot. The
    console sees the gap in ``seq`` and shows "reports missing"; a loss is never silent.
    """

    def __init__(self, store: Store, state_dir: Path, trailer: str, *, limit: int = 2000) -> None:
        self.store = store
        self.trailer = trailer
        self.limit = limit
        self._key_path = state_dir / "buffer.key"
        self._key = self._load_key()
        self._cipher = AESGCM(self._key)
        with suppress(OSError):
            # No alert is taken before it is kept, so one that starts on a full disk starts.
            self._keep_key()

    @property
    def dropped(self) -> int:
        """How many alerts were lost here since the enrolment: given up for room or age, or unreadable."""
        return self.store.counter(f"dropped:{self.trailer}")

    @property
    def full(self) -> bool:
        """Tell whether the next alert costs an older one."""
        return len(self) >= self.limit

    def _lost(self, count: int) -> None:
        self.store.set_counter(f"dropped:{self.trailer}", self.dropped + count)

    def add(
        self,
        kind: str,
        alert_id: str,
        at: datetime,
        build: Callable[[int], dict[str, Any]],
        *,
        raised: bool = True,
        media: Media | None = None,
    ) -> Buffered:
        """Give the alert the next ``seq`` and seal ``build(seq)``; durable when this returns.

        ``at`` is when it was captured: its age decides when it is destroyed.
        ``raised`` False: a test alert, which opens no camera (H18). ``media`` waits for the alert's answer.
        """
        self._keep_key()
        with self.store.transaction() as db:
            seq = self.store.counter(f"alert:{self.trailer}") + 1
            entry = Buffered(seq, alert_id, build(seq))
            self.store.set_counter(f"alert:{self.trailer}", seq)
            db.execute(
                "INSERT INTO buffered VALUES (?, ?, ?, ?, ?)",
                (seq, alert_id, RANK[kind], self._seal(entry), at.timestamp()),
            )
            if media is not None:
                sealed = self._encrypt(media.data, self._media_aad(alert_id, media.kind))
                db.execute(
                    "INSERT INTO media VALUES (?, ?, NULL, ?, ?)",
                    (alert_id, media.kind, sealed, at.timestamp()),
                )
            if raised:
                db.execute("INSERT INTO raised VALUES (?, ?)", (alert_id, at.timestamp()))
            db.execute("DELETE FROM raised WHERE at < ?", (at.timestamp() - RAISED_KEPT_S,))
            self._make_room()
        return entry

    def waiting(self, limit: int = 100) -> list[Buffered]:
        """Return what to send next, most urgent first; an entry that can't be opened is dropped and
        counted."""
        rows = self.store.db.execute(
            "SELECT seq, id, sealed FROM buffered ORDER BY rank, seq LIMIT ?", (limit,)
        ).fetchall()
        entries = []
        for seq, alert_id, sealed in rows:
            try:
                entries.append(Buffered(seq, alert_id, self._unseal(seq, alert_id, sealed)))
            except (InvalidTag, ValueError):
                log.error("buffer entry %s can't be opened and is dropped", seq)
                self._lost(1)
                self.remove(alert_id)
        return entries

    def remove(self, alert_id: str) -> None:
        """Forget one alert's content: the console has answered for it."""
        self.store.db.execute("DELETE FROM buffered WHERE id = ?", (alert_id,))

    def holds(self, alert_id: str) -> bool:
        """Tell whether the alert still waits: a purge may have come while others were being sent."""
        return (
            self.store.db.execute("SELECT 1 FROM buffered WHERE id = ?", (alert_id,)).fetchone() is not None
        )

    def raised(self, alert_id: str) -> bool:
        """Tell whether this very trailer raised the alert within 48 h: the camera's second lock."""
        return self.store.db.execute("SELECT 1 FROM raised WHERE id = ?", (alert_id,)).fetchone() is not None

    def expire(self, now: datetime) -> int:
        """Destroy what was captured 47 h ago or earlier and clips past their own end; returns how many
        alerts were lost by it.

        Nobody else does while the link is down, and the key lies beside them. A disk too full to delete
        raises sqlite3.Error, and 45 min later loses the key, which needs no room.
        """
        oldest = (now - KEPT).timestamp()
        aged = "SELECT 1 FROM buffered WHERE at <= ? UNION SELECT 1 FROM media WHERE at <= ? OR until <= ?"
        if self.store.db.execute(aged, (oldest, oldest, now.timestamp())).fetchone() is None:
            return 0
        try:
            gone = self._delete_aged(oldest, now.timestamp())
        except sqlite3.Error:
            last = (now - KEY_KEPT).timestamp()
            if self.store.db.execute(aged, (last, last, 0.0)).fetchone() is not None:
                self._forget_key()
            raise
        if gone:
            log.error("%s alert(s) dropped: not sent within 47 h", gone)
        return gone

    def _delete_aged(self, oldest: float, now: float) -> int:
        with self.store.transaction() as db:
            gone = int(db.execute("DELETE FROM buffered WHERE at <= ?", (oldest,)).rowcount)
            db.execute("DELETE FROM media WHERE at <= ? OR until <= ?", (oldest, now))
            db.execute("DELETE FROM raised WHERE at < ?", (now - RAISED_KEPT_S,))
            self._lost(gone)
        return gone

    def purge(self) -> int:
        """Destroy everything waiting, its key as well, and return how many alerts were lost; ``seq`` goes
        on.

        The key first: that needs no room on a full disk. Errors: OSError, sqlite3.Error.
        """
        try:
            self._forget_key()
        finally:
            with self.store.transaction() as db:
                gone = db.execute("DELETE FROM buffered").rowcount
                db.execute("DELETE FROM media")
                db.execute("DELETE FROM raised")
        self._keep_key()
        return int(gone)

    def __len__(self) -> int:
        return int(self.store.db.execute("SELECT count(*) FROM buffered").fetchone()[0])

    def _make_room(self) -> None:
        over = len(self) - self.limit
        if over > 0:
            least = "SELECT seq FROM buffered ORDER BY rank DESC, seq LIMIT ?"
            self.store.db.execute(f"DELETE FROM buffered WHERE seq IN ({least})", (over,))
            self._lost(over)
            log.error("buffer full: %s alert(s) dropped, oldest and least urgent first", over)
        # What an alert announced goes with it; and all that waits together has a bound.
        self.store.db.execute(
            "DELETE FROM media WHERE until IS NULL AND alert NOT IN (SELECT id FROM buffered)"
        )
        self.store.db.execute(
            "DELETE FROM media WHERE rowid IN (SELECT rowid FROM (SELECT rowid, sum(length(sealed)) OVER "
            "(ORDER BY rowid DESC) AS total FROM media) WHERE total > ?)",
            (MOST_BYTES,),
        )

    def _aad(self, seq: int, alert_id: str) -> bytes:
        return f"{self.trailer}|{seq}|{alert_id}".encode()

    def _media_aad(self, alert_id: str, kind: str) -> bytes:
        return f"{self.trailer}|{kind}|{alert_id}".encode()

    def _seal(self, entry: Buffered) -> bytes:
        plain = json.dumps(entry.body, separators=(",", ":"), allow_nan=False).encode()
        return self._encrypt(plain, self._aad(entry.seq, entry.id))

    def _encrypt(self, plain: bytes, aad: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, aad)

    def unseal_media(self, alert_id: str, kind: str, sealed: bytes) -> bytes:
        """Return the bytes of a waiting clip or crop. Errors: InvalidTag, ValueError."""
        return self._cipher.decrypt(
            sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._media_aad(alert_id, kind)
        )

    def _unseal(self, seq: int, alert_id: str, sealed: bytes) -> dict[str, Any]:
        plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._aad(seq, alert_id))
        body: dict[str, Any] = json.loads(plain)
        return body

    def _load_key(self) -> bytes:
        key = self._key_path.read_bytes() if self._key_path.exists() else b""
        if len(key) == 32:
            return key
        self._key_path.unlink(missing_ok=True)
        return secrets.token_bytes(32)

    def _forget_key(self) -> None:
        """Seal under another key from now on, one that no disk has yet."""
        self._key = secrets.token_bytes(32)
        self._cipher = AESGCM(self._key)
        self._key_path.with_suffix(".new").unlink(missing_ok=True)
        self._key_path.unlink(missing_ok=True)

    def _keep_key(self) -> None:
        """Have the key on disk before anything is sealed under it. Errors: OSError."""
        if self._key_path.exists():
            return
        temporary = self._key_path.with_suffix(".new")
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(self._key)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._key_path)
