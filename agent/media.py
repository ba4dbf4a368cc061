"""Clips and crops: what an alert announced, kept encrypted until the console has it, and gone afterwards.

They never hold an alert up: one is sent only while no alert waits, by a task of its own, and after its alert
was accepted. Fifteen minutes later, or at a 410, it is dropped.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag

from agent.client import Answer, Backoff, Client
from agent.problems import Act, judge

if TYPE_CHECKING:
    from agent.buffer import Buffer
    from agent.sender import Orders

log = logging.getLogger("agent.media")

#: What the contract gives from the moment an alert was received.
WITHIN = timedelta(minutes=15)
#: All that waits together; the oldest gives way. Twenty of the longest clips, or hundreds of ordinary ones.
MOST_BYTES = 20_000_000
#: While alerts wait, look again after this long.
AFTER_ALERTS_S = 1.0
MEDIA_TYPES = {"clip": "audio/wav", "crop": "image/jpeg"}


@dataclass(frozen=True)
class Media:
    """A clip or a crop beside an alert. ``hints`` go into its notice: sizes, rate, milliseconds."""

    kind: str
    data: bytes = field(repr=False)
    hints: dict[str, Any] = field(default_factory=dict)

    def notice(self) -> dict[str, Any]:
        """Return what the alert announces of it."""
        return {"sha256": hashlib.sha256(self.data).hexdigest(), "bytes": len(self.data), **self.hints}


def clip(wav: bytes, rate_hz: int, pre_roll_ms: int = 2000) -> Media:
    """Return a clip in the contract's canonical form (44 bytes of header, PCM 16 mono)."""
    duration_ms = round((len(wav) - 44) / 2 / rate_hz * 1000)
    return Media("clip", wav, {"duration_ms": duration_ms, "pre_roll_ms": pre_roll_ms, "rate_hz": rate_hz})


def crop(jpeg: bytes, width: int, height: int) -> Media:
    """Return a crop of a plate; at most 640x320 pixels and 100 kB."""
    return Media("crop", jpeg, {"width": width, "height": height, "media_type": MEDIA_TYPES["crop"]})


@dataclass(frozen=True)
class Waiting:
    """One clip or crop that may be sent."""

    alert: str
    kind: str
    data: bytes = field(repr=False)


class MediaStore:
    """Clips and crops on disk, in the buffer's file and under its key; a purge takes both."""

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer
        self.db = buffer.store.db

    def accepted(self, alert_id: str, answer: Answer, now: datetime) -> None:
        """The console has the alert: until when may its clip or crop follow?"""
        body = answer.body if isinstance(answer.body, dict) else {}
        if "upload" in body and not body["upload"]:
            # It wants none: the detail is erased already, or this was a test.
            return self.remove(alert_id)
        until = _until(body, now).timestamp()
        self.db.execute("UPDATE media SET until = ? WHERE alert = ?", (until, alert_id))

    def next(self, now: datetime) -> Waiting | None:
        """Return what to send, clips first and older before newer; what is too late is deleted."""
        self.db.execute("DELETE FROM media WHERE until <= ?", (now.timestamp(),))
        row = self.db.execute(
            "SELECT alert, kind, sealed FROM media WHERE until IS NOT NULL ORDER BY kind, rowid LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        alert_id, kind, sealed = row
        try:
            return Waiting(alert_id, kind, self.buffer.unseal_media(alert_id, kind, sealed))
        except (InvalidTag, ValueError):
            log.error("a %s can't be opened and is dropped", kind)
            self.remove(alert_id)
            return self.next(now)

    def remove(self, alert_id: str) -> None:
        """Forget what came with an alert."""
        self.db.execute("DELETE FROM media WHERE alert = ?", (alert_id,))

    def __len__(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM media").fetchone()[0])


def _until(body: dict[str, Any], now: datetime) -> datetime:
    """Return until when the console takes it: as it says, else 15 min from when it received the alert."""
    upload = body.get("upload")
    for told, more in ((upload and upload.get("until"), timedelta(0)), (body.get("received_at"), WITHIN)):
        with suppress(TypeError, ValueError):
            return datetime.fromisoformat(str(told).replace("Z", "+00:00")).astimezone(UTC) + more
    return now + WITHIN


class MediaSender:
    """Sends clips and crops, one at a time, whenever no alert waits."""

    def __init__(self, client: Client, store: MediaStore, orders: Orders) -> None:
        self.client = client
        self.store = store
        self.orders = orders
        self.backoff = Backoff()
        self._wake = asyncio.Event()
        self._not_before = 0.0

    def wake(self) -> None:
        """Something may be sent now: an alert was accepted, or the link came back."""
        self._wake.set()

    async def run(self) -> None:
        """Send for ever; sleeps while nothing waits."""
        while True:
            self._wake.clear()
            delay = await self.flush()
            # asyncio.timeout, not wait_for: before Python 3.12 the latter can swallow a cancellation.
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    async def flush(self) -> float | None:
        """Send one; returns seconds until the next try, None when nothing waits."""
        if len(self.store.buffer):
            return AFTER_ALERTS_S
        pause = self._not_before - self.client.clock.monotonic()
        if pause > 0:
            return pause
        waiting = self.store.next(self.client.clock.now())
        if waiting is None:
            return None
        answer = await self.client.put_media(
            waiting.alert, waiting.kind, waiting.data, MEDIA_TYPES[waiting.kind]
        )
        return self._apply(waiting, answer)

    def _apply(self, waiting: Waiting, answer: Answer) -> float:
        """Do what the contract's table says about one answer."""
        verdict = judge(answer.status, answer.code)
        if verdict.fault:
            self.orders.fault(answer.code or str(answer.status))
        if verdict.act is Act.STOP:
            # Purges the buffer, this with it.
            self.orders.stop(answer.code or "not-deployed")
            return 0.0
        not_wanted = answer.status == 404 and answer.code == "not-found"
        if verdict.act in (Act.KEEP, Act.RESIGN) and not not_wanted:
            delay = max(self.backoff.next_s(answer.retry_after_s), 0.05)
            self._not_before = self.client.clock.monotonic() + delay
            return delay
        if not answer.ok:
            log.warning("a %s was dropped: %s %s", waiting.kind, answer.status, answer.code or "")
        self.store.remove(waiting.alert)
        self.backoff.reset()
        return 0.0
