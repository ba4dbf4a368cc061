"""The switchboard: which sockets of this process speak for which trailer, and what each must hear.

Rows are the truth. A push on group `trailers` only says "look"; once a second everything is looked at anyway,
in one query for all sockets, so a dead Valkey delays a command by a second and loses none. The same look ends
sockets: a newer socket elsewhere, a key that was revoked, a trailer that stopped speaking.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from django.db import connection

from csoc.lib import clock, events, realtime

from . import commands, consolekey
from .models import Trailer

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
SILENT_AFTER_S = 90.0
#: A socket that was heard so lately was no dead one when another took its place.
ALIVE_S = 45.0

_LOOK = """
SELECT t.id, s.channel, d.version, d.hotlist_min_version, k.keyid,
       CASE WHEN k.state = 'revoked' THEN 'key-revoked'
            WHEN k.state = 'active' AND k.valid_until > %(now)s THEN '' ELSE 'key-ended' END,
       EXISTS (SELECT 1 FROM trailers_command c
               WHERE c.trailer_id = t.id AND c.state = 'queued' AND c.expires_at > %(now)s)
FROM trailers_trailer t
JOIN trailers_trailerstatus s ON s.trailer_id = t.id
JOIN trailers_desiredstate d ON d.trailer_id = t.id
JOIN trailers_trailerkey k ON k.trailer_id = t.id AND k.keyid = ANY(%(keyids)s)
WHERE t.id = ANY(%(trailers)s)
"""


@dataclass(eq=False)
class Line:
    """One open socket: the trailer and key it was opened with, and how to speak and hang up."""

    name: str
    trailer_id: int
    number: int
    keyid: str
    send: Callable[[dict[str, Any]], Awaitable[None]]
    hang_up: Callable[[str], Awaitable[None]]
    desired_version: int
    hotlist_min_version: int
    heard_at: float = field(default_factory=time.monotonic)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Switchboard:
    """The lines of one event loop."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self._wanted: set[int] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, line: Line) -> None:
        """Add a line; it is looked at right away, so what waited for the trailer is sent."""
        self.lines[line.name] = line
        realtime.hub("trailers").join(self._heard)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        self.look_at(line.number)

    def leave(self, name: str) -> None:
        """Remove a line; the last one ends the looking."""
        self.lines.pop(name, None)
        if not self.lines:
            realtime.hub("trailers").leave(self._heard)
            if self._task is not None:
                self._task.cancel()
                self._task = None

    def look_at(self, number: int) -> None:
        """Look at trailer `number` now instead of at the next round."""
        self._wanted.add(number)
        self._wake.set()

    async def _heard(self, message: dict[str, Any]) -> None:
        numbers = (
            [message["trailer"]] if "trailer" in message else [line.number for line in self.lines.values()]
        )
        for number in numbers:
            self.look_at(number)

    async def _run(self) -> None:
        full_at = 0.0
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), max(0.0, full_at - time.monotonic()))
            except TimeoutError:
                full_at = time.monotonic() + LOOK_EVERY_S
                lines = list(self.lines.values())
            else:
                lines = [line for line in self.lines.values() if line.number in self._wanted]
            self._wake.clear()
            self._wanted.clear()
            await self._look(lines)

    async def _look(self, lines: Iterable[Line]) -> None:
        wanted = list(lines)
        if not wanted:
            return
        try:
            rows = await database_sync_to_async(_read, thread_sensitive=False)(wanted)
            # One trailer's slow socket must not hold up the others.
            await asyncio.gather(
                *(self._attend(line, rows.get((line.trailer_id, line.keyid))) for line in wanted)
            )
        except Exception as error:
            # The database is away or a socket broke: the next round looks again.
            log.warning("looking at the command channels failed: %s", type(error).__name__)

    async def _attend(self, line: Line, row: Facts | None) -> None:
        if line.name not in self.lines:
            return
        if row is None or row.key_fault:
            # Only a revoked key stops a trailer for good: one that has ended may have a successor.
            await line.hang_up(row.key_fault if row else "key-revoked")
        elif row.channel != line.name:
            # Counted first: the last line that hangs up ends this looking, and with it what would follow.
            if time.monotonic() - line.heard_at < ALIVE_S:
                await database_sync_to_async(_two_places, thread_sensitive=False)(line.trailer_id)
            await line.hang_up("replaced")
        elif time.monotonic() - line.heard_at > SILENT_AFTER_S:
            await line.hang_up("silent")
        else:
            await self._tell(line, row)

    async def _tell(self, line: Line, row: Facts) -> None:
        async with line.lock:
            if row.hotlist_min_version != line.hotlist_min_version:
                line.hotlist_min_version = row.hotlist_min_version
                await line.send({"t": "hotlist-changed", "version": row.hotlist_min_version})
            if row.desired_version != line.desired_version:
                line.desired_version = row.desired_version
                await line.send({"t": "desired-changed", "version": row.desired_version})
            if row.waiting:
                claim = database_sync_to_async(commands.claim_queued, thread_sensitive=False)
                for message in await claim(line.trailer_id, line.name):
                    await line.send(consolekey.signed(message))


def _two_places(trailer_id: int) -> None:
    """Tell those above that a key spoke on two sockets: once may be a lost link, often is a second device."""
    events.emit("trailer.two_places", trailer=Trailer.objects.select_related("agency").get(pk=trailer_id))


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says about one line."""

    channel: str
    desired_version: int
    hotlist_min_version: int
    key_fault: str
    waiting: bool


def _read(lines: list[Line]) -> dict[tuple[int, str], Facts]:
    """One query for all lines, by trailer and key."""
    values: dict[str, Any] = {
        "now": clock.now(),
        "trailers": [line.trailer_id for line in lines],
        "keyids": [line.keyid for line in lines],
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, values)
        return {
            (trailer, keyid): Facts(channel, desired, hotlist, fault, waiting)
            for trailer, channel, desired, hotlist, keyid, fault, waiting in cursor.fetchall()
        }


_boards: WeakKeyDictionary[asyncio.AbstractEventLoop, Switchboard] = WeakKeyDictionary()


def switchboard() -> Switchboard:
    """Return this event loop's switchboard."""
    loop = asyncio.get_running_loop()
    if loop not in _boards:
        _boards[loop] = Switchboard()
    return _boards[loop]
