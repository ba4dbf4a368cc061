"""Keeping the plate list fresh: at the start, when told, every hour, and gone with the deployment."""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress

from agent import disk
from agent.client import Answer, Backoff, Client
from agent.hotlist import BadList, PlateList

log = logging.getLogger("agent.listkeeper")

EVERY_S = 3600.0


class ListKeeper:
    """Fetches for one trailer. ``wanted`` tells whether plates may be read now; without that, no list."""

    def __init__(
        self,
        plates: PlateList,
        client: Client,
        wanted: Callable[[], bool],
        fault: Callable[[str], None],
        refused: Callable[[str], None],
    ) -> None:
        self.plates = plates
        self._client = client
        self._wanted = wanted
        self._fault = fault
        self._refused = refused
        self._backoff = Backoff()
        self._wake = asyncio.Event()
        self._busy = asyncio.Lock()

    def wake(self) -> None:
        """Look now: a version was announced, a hit was refused, or the desired state changed."""
        self._wake.set()

    async def run(self) -> None:
        """Follow for ever; the kept list is taken up first, so that a reboot without a link goes on."""
        if self._wanted():
            await asyncio.to_thread(self.plates.load)
        while True:
            self._wake.clear()
            delay = await self.fetch() if self._wanted() else None
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    def tend(self) -> None:
        """Drop the list when its right or its own end has passed."""
        over = self.plates.over(self._client.clock.now())
        if self.plates.version is not None and (over or not self._wanted()):
            log.info("the plate list is dropped")
            self.plates.forget()

    async def fetch(self) -> float:
        """Fetch once; returns seconds until the next time."""
        async with self._busy:
            answer = await self._fetch(self.plates.version)
            if answer.code == "bad-list":
                # The difference did not come to what it said: the whole list, once.
                answer = await self._fetch(None)
                if answer.code == "bad-list":
                    self._fault("hotlist-bad")
        if answer.status in (200, 304):
            self._backoff.reset()
            return EVERY_S
        if answer.status in (403, 404):
            self.plates.forget()
            if answer.code:
                self._refused(answer.code)
            return EVERY_S
        return self._backoff.next_s(answer.retry_after_s)

    async def _fetch(self, since: int | None) -> Answer:
        body = io.BytesIO()
        etag = self.plates.etag if since is not None else None
        answer = await self._client.get_hotlist(since, etag, body)
        if answer.status != 200:
            return answer
        try:
            with disk.told(self._fault, "the plate list"):
                await asyncio.to_thread(self.plates.take, _lines(body), answer.etag)
        except BadList as error:
            log.warning("a plate list is not taken: %s", error)
            return Answer(200, "bad-list")
        if not self._wanted():
            # The deployment ended while it was being taken in.
            self.plates.forget()
        return answer


def _lines(body: io.BytesIO) -> Iterator[str]:
    """Yield the lines of a body that was kept as it came, packed or not."""
    packed = body.getbuffer()[:2] == b"\x1f\x8b"
    body.seek(0)
    stream = gzip.GzipFile(fileobj=body) if packed else body
    try:
        for line in io.TextIOWrapper(stream, "utf-8"):
            yield line.rstrip("\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadList(f"a body that cannot be read ({type(error).__name__})") from None
