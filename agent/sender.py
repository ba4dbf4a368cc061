"""Emptying the buffer towards the console, one pass at a time, by the contract's problem table."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from agent import disk
from agent.buffer import Buffer, Buffered
from agent.client import Answer, Backoff, Client
from agent.media import MediaSender, MediaStore
from agent.problems import Act, code_of, judge

log = logging.getLogger("agent.sender")

BULK = 100
UNHEARD_S = 60.0


@dataclass
class Orders:
    """What an answer may demand of the trailer beyond its own alert."""

    stop: Callable[[str], None]
    fault: Callable[[str], None]
    accepted: Callable[[], None]
    fetch_hotlist: Callable[[], None]


class Sender:
    """Sends what waits, most urgent first; every alert is signed at the moment it is sent."""

    def __init__(self, client: Client, buffer: Buffer, orders: Orders) -> None:
        self.client = client
        self.buffer = buffer
        self.orders = orders
        self.media = MediaSender(client, MediaStore(buffer), orders)
        self.backoff = Backoff()
        self._wake = asyncio.Event()
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._not_before: float = 0.0

    def wake(self) -> None:
        """Try again now: the link came back, or something new waits. A ``Retry-After`` still holds."""
        self._wake.set()
        self.media.wake()

    def answer_for(self, alert_id: str) -> asyncio.Future[Answer]:
        """Return a future with the console's final answer for this alert."""
        return self._asked.setdefault(alert_id, asyncio.get_running_loop().create_future())

    def purge(self, code: str) -> None:
        """Destroy what waits and tell whoever asked why."""
        with disk.told(self.orders.fault, "a purge"):
            if gone := self.buffer.purge():
                log.warning("%s buffered alert(s) purged: %s", gone, code)
        for alert_id in list(self._asked):
            self._settle(alert_id, Answer(403, code))

    async def run(self) -> None:
        """Send for ever; sleeps while nothing waits."""
        while True:
            self._wake.clear()
            delay = await self.flush()
            pause = max(0.0, self._not_before - self.client.clock.monotonic())
            if pause:
                await asyncio.sleep(pause)
            elif delay is None or delay > 0:
                await self._sleep(delay)

    async def _sleep(self, delay: float | None) -> None:
        # asyncio.timeout, not wait_for: before Python 3.12 the latter can swallow a cancellation.
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._wake.wait()

    async def flush(self) -> float | None:
        """Send one batch; returns seconds until the next try, 0 for at once, None when nothing is left."""
        entries = self.buffer.waiting(BULK)
        if not entries:
            return None
        if len(entries) == 1:
            return await self._send_one(entries[0])
        answer = await self.client.post_bulk([entry.body for entry in entries])
        if answer.status == 200 and isinstance(answer.body, list) and len(answer.body) == len(entries):
            return self._apply_bulk(entries, answer)
        if answer.ok or answer.status in (404, 405) or judge(answer.status, answer.code).act is Act.DROP:
            # The call as a whole was not taken: no alert may be lost by the company it travelled in.
            return await self._one_by_one(entries)
        return self._apply(entries[0], answer)

    async def _send_one(self, entry: Buffered) -> float | None:
        return self._apply(entry, await self.client.post_alert(entry.body))

    async def _one_by_one(self, entries: list[Buffered]) -> float | None:
        for entry in entries:
            if self._wake.is_set():
                # Something newer came, perhaps a gunshot: choose again what is most urgent.
                return 0.0
            if self.buffer.holds(entry.id) and (delay := await self._send_one(entry)):
                return delay
        return 0.0

    def _apply_bulk(self, entries: list[Buffered], answer: Answer) -> float | None:
        """Judge each result by itself; the longest wait among them counts."""
        delays = []
        for entry, result in zip(entries, answer.body, strict=True):
            item = result if isinstance(result, dict) else {}
            status = item.get("status")
            one = Answer(
                status if isinstance(status, int) else 0,
                code_of(item.get("type")),
                item,
                answer.retry_after_s,
            )
            delays.append(self._apply(entry, one) or 0.0)
        return max(delays)

    def _apply(self, entry: Buffered, answer: Answer) -> float | None:
        """Do what the table says about one answer; returns seconds to wait before the next request."""
        verdict = judge(answer.status, answer.code)
        if verdict.fault:
            self.orders.fault(answer.code or str(answer.status))
        if verdict.fetch_hotlist:
            self.orders.fetch_hotlist()
        if verdict.act is Act.STOP:
            # Purges the buffer, this alert with it.
            self.orders.stop(answer.code or "not-deployed")
            self._settle(entry.id, answer)
            return 0.0
        if verdict.act in (Act.KEEP, Act.RESIGN):
            return self._keep(answer)
        if verdict.act is Act.DROP:
            log.warning("alert %s dropped: %s %s", entry.seq, answer.status, answer.code or "")
            self.media.store.remove(entry.id)
        else:
            self.orders.accepted()
            self.media.store.accepted(entry.id, answer, self.client.clock.now())
            self.media.wake()
        self.buffer.remove(entry.id)
        self.backoff.reset()
        self._settle(entry.id, answer)
        return 0.0

    def _keep(self, answer: Answer) -> float:
        if answer.status == 401:
            # Re-signed three times already: a person has to look at the key; asking on would only be noise.
            self.orders.fault(answer.code or "bad-signature")
            return UNHEARD_S
        delay = self.backoff.next_s(answer.retry_after_s)
        if answer.retry_after_s:
            self._not_before = self.client.clock.monotonic() + delay
        log.info("alerts wait %.1f s: %s %s", delay, answer.status, answer.code or "")
        return max(delay, 0.05)

    def _settle(self, alert_id: str, answer: Answer) -> None:
        future = self._asked.pop(alert_id, None)
        if future is not None and not future.done():
            future.set_result(answer)
