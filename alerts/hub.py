"""The live board's side of the hub: what every open screen of this process is told.

The database is the truth. Every 5 s each screen gets a heartbeat with the digest of what it should
show, and its person's rights are asked again (H15). When the channel layer is deaf, heartbeats come
every 2 s, so that a screen that differs fetches the snapshot well within 6 s.
"""

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from accounts.selectors import Rights, rights_of, sessions_alive
from alerts.selectors import open_digest
from csoc.lib import clock, realtime

log = logging.getLogger(__name__)

GROUP = "live"
#: Promised every 5 s. A screen calls itself live only under 5 s, so the beat comes a little before that.
BEAT_S = 4.0
DEAF_BEAT_S = 2.0
STEP_S = 0.5


class Screen(Protocol):
    """An open board socket."""

    user_id: int
    session_key: str
    agency_id: int
    agency: str

    async def show(self, frame: str) -> None:
        """Send one encoded frame."""

    async def judge(self, rights: Rights | None, signed_in: bool) -> bool:
        """Close if the right or the sign-in is gone; True if it may stay."""


class Truth(NamedTuple):
    """What the database says about a set of screens."""

    rights: dict[int, Rights]
    alive: frozenset[str]
    digests: dict[int, str]


@database_sync_to_async
def _truth(user_ids: set[int], session_keys: set[str], agency_ids: set[int]) -> Truth:
    """One query for everybody's rights, one for their sign-ins, one digest per agency."""
    digests = {agency_id: open_digest(agency_id) for agency_id in agency_ids}
    return Truth(rights_of(user_ids), sessions_alive(session_keys), digests)


class BoardHub:
    """All board sockets of one event loop."""

    def __init__(self) -> None:
        self.screens: set[Screen] = set()
        self._hub = realtime.hub(GROUP)
        self._task: asyncio.Task[None] | None = None

    def join(self, screen: Screen) -> None:
        """Add a screen; the first one starts the subscription and the beat."""
        self.screens.add(screen)
        if self._task is None:
            self._hub.join(self._heard)
            self._task = asyncio.create_task(self._beat_forever())

    def leave(self, screen: Screen) -> None:
        """Remove a screen."""
        self.screens.discard(screen)

    async def _heard(self, message: dict[str, Any]) -> None:
        if message["type"] == "refresh":
            await self.beat(self._of(message["agency"]))
            return
        if message["type"] == "rights":
            await self.beat(screen for screen in self.screens if screen.user_id == message["user"])
            return
        if message["type"] == "signed-out":
            await self.beat(self.screens)
            return
        screens = self._of(message.get("agency"))
        if screens:
            frame = json.dumps({name: value for name, value in message.items() if name != "agency"})
            await self._show(screens, frame)

    def _of(self, agency: str | None) -> list[Screen]:
        return [screen for screen in self.screens if screen.agency == agency]

    async def _show(self, screens: Iterable[Screen], frame: str) -> None:
        for screen in list(screens):
            try:
                await screen.show(frame)
            except Exception as error:
                log.warning("a screen was lost: %s", type(error).__name__)
                self.leave(screen)

    async def beat(self, screens: Iterable[Screen]) -> None:
        """Ask the database what is true and tell ``screens``; without an answer nobody is told anything."""
        chosen = list(screens)
        if not chosen:
            return
        truth = await _truth(
            {screen.user_id for screen in chosen},
            {screen.session_key for screen in chosen},
            {screen.agency_id for screen in chosen},
        )
        at = clock.wire(clock.now())
        frames = {
            agency_id: json.dumps({"type": "heartbeat", "digest": digest, "at": at})
            for agency_id, digest in truth.digests.items()
        }
        for screen in chosen:
            signed_in = screen.session_key in truth.alive
            if await screen.judge(truth.rights.get(screen.user_id), signed_in):
                await self._show([screen], frames[screen.agency_id])

    async def _beat_forever(self) -> None:
        waited = 0.0
        while True:
            await asyncio.sleep(STEP_S)
            waited += STEP_S
            if waited < (DEAF_BEAT_S if self._hub.deaf else BEAT_S):
                continue
            waited = 0.0
            try:
                await self.beat(self.screens)
            except Exception as error:
                # No heartbeat is the honest sign: the screens say "delayed", then "lost".
                log.error("no heartbeat, the database did not answer: %s", type(error).__name__)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, BoardHub] = WeakKeyDictionary()


def board_hub() -> BoardHub:
    """Return this event loop's hub."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = BoardHub()
    return _hubs[loop]
