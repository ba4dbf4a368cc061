"""From what a sensor found to an alert in the buffer: only while it may be on; a plate only when it hits."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from agent import disk
from agent.buffer import Buffer, Buffered
from agent.client import Answer
from agent.clock import wire
from agent.config import Config, unknown_source
from agent.hotlist import PlateList
from agent.media import Media
from agent.permit import Permit, SensorsOff
from agent.ports import PlateRead
from agent.position import Position
from agent.sender import Sender

log = logging.getLogger("agent.reporter")


class Reporter:
    """Raises the alerts of one trailer and wakes the sender."""

    def __init__(
        self,
        config: Config,
        permit: Permit,
        position: Position,
        plates: PlateList,
        buffer: Buffer,
        sender: Sender,
    ) -> None:
        self.config = config
        self.position = position
        self.permit = permit
        self.plates = plates
        self.buffer = buffer
        self.sender = sender

    def report(
        self, kind: str, block: dict[str, Any], media: Media | None = None, at: datetime | None = None
    ) -> Buffered:
        """Buffer one alert and let the sender have it; raises ``SensorsOff``.

        ``block`` is the contract's object of that kind; ``media`` its clip or crop, announced in it and sent
        after it. Both are durable when this returns. ``at`` is when it was captured, None: just now.
        """
        self.permit.demand(kind, at)
        if media is not None:
            block = {**block, media.kind: media.notice()}
        return self.raise_alert(kind, block, self.permit.desired.deployment or "", media=media, at=at)

    def read_plate(
        self, read: Mapping[str, Any], media: Media | None = None, at: datetime | None = None
    ) -> Buffered | None:
        """Compare what a plate reader read with the list; a hit is buffered like any alert.

        ``read`` is the contract's ``alpr_hit`` without ``match`` and ``hotlist``. None: it stands on no
        entry, and nothing of it is kept or logged. ``at`` is when it was read. Raises ``SensorsOff``.
        """
        self.permit.demand("alpr_hit", at)
        hit = self.plates.match(str(read["plate"]), str(read["jurisdiction"]), self.config.clock.now())
        if hit is None:
            return None
        match = "exact" if hit.exact else "lookalike"
        return self.report("alpr_hit", {**read, "match": match, "hotlist": hit.reference()}, media, at)

    async def on_read(self, read: PlateRead) -> None:
        """Take a read of a vendor's reader (``agent.adapters``); one while sensors are off, or from
        before they were on, is gone.

        Its crop stays behind: this version sends none.
        """
        block: dict[str, Any] = {
            "plate": read.plate, "jurisdiction": read.jurisdiction, "confidence": read.confidence,
        }  # fmt: skip
        optional = {
            "char_confidence": list(read.char_confidence), "camera": read.camera, "direction": read.direction,
            "vehicle": dict(read.vehicle),
        }  # fmt: skip
        with suppress(SensorsOff, *disk.FAILURES):
            known = {name: value for name, value in optional.items() if value}
            self.read_plate(block | known, at=read.read_at)

    def raise_alert(
        self,
        kind: str,
        block: dict[str, Any],
        deployment: str,
        *,
        raised: bool = True,
        media: Media | None = None,
        at: datetime | None = None,
    ) -> Buffered:
        """Buffer an alert under a deployment without asking whether it holds; ``raised`` False: a test.

        Errors: OSError, sqlite3.Error, told as a fault: then it is lost.
        """
        config = self.config
        # A reader whose clock is ahead can't have captured it after it was handed in.
        now = config.clock.now()
        at = now if at is None else min(at, now)
        alert_id = str(uuid.uuid4())
        body = {
            "schema": "csrp.alert/1", "id": alert_id, "trailer": config.trailer, "kind": kind,
            "occurred_at": wire(at), "clock": self._clock(),
            "deployment": deployment, kind: block,
        }  # fmt: skip
        if (position := self.position.wire()) is not None:
            body["position"] = position
        try:
            entry = self.buffer.add(
                kind, alert_id, at, lambda seq: {**body, "seq": seq}, raised=raised, media=media
            )
        except disk.FAILURES as error:
            disk.tell(self.sender.orders.fault, "an alert, which is lost", error)
            raise
        self.sender.wake()
        return entry

    def _clock(self) -> dict[str, Any]:
        """Return where the time is from: the console, once it has set this clock, else what is known."""
        if self.config.clock.offset:
            return {"source": "console"}
        try:
            told = self.config.time_source()
        except Exception as error:
            # An alert is worth more than what its clock says of itself.
            log.warning("the clock's port failed: %s", type(error).__name__)
            told = unknown_source()
        return {name: value for name, value in told.items() if value is not None}

    async def answer_to(self, entry: Buffered, timeout_s: float = 8.0) -> Answer:
        """Return the console's answer to a buffered alert; status 0 means that it still waits."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self.sender.answer_for(entry.id)
        except TimeoutError:
            return Answer(0)
