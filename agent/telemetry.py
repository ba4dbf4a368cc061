"""What the trailer measures of itself, every minute: gathered from its adapters, kept while the link is down.

Points wait on disk, sealed like alerts, under a key of their own: they stay when a deployment ends and its
alerts are destroyed. About 600 bytes a point and 1440 points a day are under 1 MB a day; the 3,000 newest
are kept, two days' worth, so a trailer that was off the air comes back with its history and no more.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent import VERSION
from agent.buffer import Buffer
from agent.client import Client
from agent.clock import AgentClock, parse, wire
from agent.hotlist import PlateList
from agent.problems import Act, judge
from agent.sender import Orders
from agent.store import Store

log = logging.getLogger("agent.telemetry")

EVERY_S = 60.0
#: At the start the link, the desired state and the alerts go first.
FIRST_S = 5.0
BATCH = 200
#: The console takes 128 kB at once; a batch stays well under it.
BATCH_BYTES = 100_000
KEPT = 3000
#: A point that is older than this when it is sent is history.
LATE = timedelta(seconds=120)
NONCE_BYTES = 12

#: An adapter: what it measures now, by the contract's names; what it does not know it leaves out.
Reads = Callable[[], Mapping[str, Any]]

_TABLE = "CREATE TABLE IF NOT EXISTS point (seq INTEGER PRIMARY KEY, sealed BLOB NOT NULL)"


def nothing() -> Mapping[str, Any]:
    """Return what a trailer without this adapter knows."""
    return {}


class Points:
    """The points that wait, oldest first."""

    def __init__(self, store: Store, state_dir: Path, trailer: str, *, limit: int = KEPT) -> None:
        self.store, self.trailer, self.limit = store, trailer, limit
        self.dropped = 0
        store.db.execute(_TABLE)
        self._cipher = AESGCM(_key(state_dir / "telemetry.key"))

    def add(self, point: Mapping[str, Any]) -> int:
        """Keep one point and return its number; beyond the limit the oldest gives way."""
        with self.store.transaction() as db:
            seq = self.store.counter(f"point:{self.trailer}") + 1
            self.store.set_counter(f"point:{self.trailer}", seq)
            plain = json.dumps({**point, "seq": seq}, separators=(",", ":"), allow_nan=False).encode()
            nonce = secrets.token_bytes(NONCE_BYTES)
            db.execute(
                "INSERT INTO point VALUES (?, ?)",
                (seq, nonce + self._cipher.encrypt(nonce, plain, self._aad(seq))),
            )
            over = int(db.execute("SELECT count(*) FROM point").fetchone()[0]) - self.limit
            if over > 0:
                db.execute(
                    "DELETE FROM point WHERE seq IN (SELECT seq FROM point ORDER BY seq LIMIT ?)", (over,)
                )
                self.dropped += over
        return seq

    def waiting(self) -> list[dict[str, Any]]:
        """Return the oldest points, as many as one request may carry; one that can't be opened is dropped."""
        rows = self.store.db.execute(
            "SELECT seq, sealed FROM point ORDER BY seq LIMIT ?", (BATCH,)
        ).fetchall()
        found: list[dict[str, Any]] = []
        size = 0
        for seq, sealed in rows:
            try:
                plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._aad(seq))
            except InvalidTag:
                log.error("point %s can't be opened and is dropped", seq)
                self.remove([seq])
                continue
            size += len(plain)
            if found and size > BATCH_BYTES:
                break
            found.append(json.loads(plain))
        return found

    def remove(self, numbers: list[int]) -> None:
        """Forget what the console has answered for."""
        self.store.db.executemany("DELETE FROM point WHERE seq = ?", [(seq,) for seq in numbers])

    def __len__(self) -> int:
        return int(self.store.db.execute("SELECT count(*) FROM point").fetchone()[0])

    def _aad(self, seq: int) -> bytes:
        return f"{self.trailer}|point|{seq}".encode()


def _key(path: Path) -> bytes:
    known = path.read_bytes() if path.exists() else b""
    if len(known) == 32:
        return known
    key = secrets.token_bytes(32)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key)
    return key


class Gauge:
    """The adapters of one trailer. One that fails is an unknown, never a made-up figure."""

    def __init__(self, power: Reads = nothing, site: Reads = nothing, health: Reads = nothing) -> None:
        self._reads = {"power": power, "site": site, "health": health}

    def read(self, clock: AgentClock, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return a point without its number; `own` is what the agent knows of itself."""
        parts = {name: self._one(name, read) for name, read in self._reads.items()}
        parts["health"] = {"agent_version": VERSION, **own, **parts["health"]}
        return {"ts": wire(clock.now()), **{name: said for name, said in parts.items() if said}}

    def answers(self, name: str) -> bool:
        """Tell whether an adapter says anything."""
        return bool(self._one(name, self._reads[name]))

    def _one(self, name: str, read: Reads) -> dict[str, Any]:
        try:
            return {key: value for key, value in read().items() if value is not None}
        except Exception as error:
            log.warning("the %s adapter failed: %s", name, type(error).__name__)
            return {}


class Figures:
    """Measures every minute and sends what waits, after the alerts."""

    def __init__(
        self, points: Points, gauge: Gauge, client: Client, buffer: Buffer, plates: PlateList, orders: Orders
    ) -> None:
        self.points, self.gauge, self.client, self.buffer, self.orders = points, gauge, client, buffer, orders
        self.plates = plates

    async def run(self) -> None:
        """Measure and send for ever."""
        await asyncio.sleep(FIRST_S)
        while True:
            self.measure()
            await self.send()
            await asyncio.sleep(EVERY_S)

    def measure(self) -> int:
        """Keep one point of what is measured now and return its number; 0 when the disk takes nothing."""
        try:
            return self.points.add(self.gauge.read(self.client.clock, self._own()))
        except sqlite3.Error as error:
            log.error("a point could not be kept: %s", type(error).__name__)
            return 0

    def _own(self) -> dict[str, Any]:
        own: dict[str, Any] = {"buffered": len(self.buffer), "dropped": self.buffer.dropped}
        if self.plates.version is not None:
            # By this the console sees that a trailer compares with an old list, before it stops (H8).
            own |= {"hotlist_version": self.plates.version, "hotlist_issued_at": self.plates.issued_at}
        return own

    async def send(self) -> None:
        """Send until nothing waits, an alert does, or the console takes no more; the rest goes next time."""
        while not len(self.buffer) and (waiting := self.points.waiting()):
            answer = await self.client.post_points(late(waiting, self.client.clock))
            verdict = judge(answer.status, answer.code)
            if verdict.act is Act.STOP:
                self.orders.stop(answer.code or "not-deployed")
            if verdict.act in (Act.STOP, Act.KEEP, Act.RESIGN):
                return
            if verdict.fault:
                self.orders.fault(answer.code or str(answer.status))
            if not answer.ok:
                log.warning("%s points dropped: %s %s", len(waiting), answer.status, answer.code or "")
            self.points.remove([point["seq"] for point in waiting])


def late(points: list[dict[str, Any]], clock: AgentClock) -> list[dict[str, Any]]:
    """Mark what is told long after it was measured."""
    now = clock.now()
    return [{**point, "replayed": True} if now - parse(point["ts"]) > LATE else point for point in points]
