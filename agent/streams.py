"""The one live stream of a trailer, and the dead man that ends it.

A picture leaves the trailer only between ``stream.start`` and the first of: ``stream.stop``, the end of the
lease, 30 s of silence, 10 s without the channel, the end of the deployment by the agent's own clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from agent.clock import AgentClock

log = logging.getLogger("agent.streams")

LEASE_MAX_S = 300.0
SILENCE_S = 30.0
NO_CHANNEL_S = 10.0
START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0


class Publishes(Protocol):
    """What ``agent.publisher.Publisher`` does."""

    @property
    def active(self) -> bool:
        """True from a successful start to the end, whoever ended it."""

    async def start(self, whip_url: str, token: str, trailer_label: str) -> None:
        """Publish the camera; raises when the gateway refuses."""

    async def stop(self) -> None:
        """Stop publishing; harmless when nothing runs."""

    def mask(self, on: bool) -> None:
        """Send darkness instead of the picture while ``on``; also before ``start``."""


class CannotStream(Exception):
    """Why a stream did not start; ``args[0]`` is the ack's code."""


async def preload() -> None:
    """Load the media libraries in a thread at the start, so that the first picture need not wait for them."""
    try:
        publisher = await asyncio.to_thread(importlib.import_module, "agent.publisher")
    except ImportError:
        log.warning("the media libraries are not installed: no picture can be sent")
        return
    await asyncio.to_thread(publisher.warm_up)


def make_publisher() -> Publishes:
    """Return the camera's publisher; imported late because the media libraries take a second to load.

    Raises ``CannotStream`` where they are not installed.
    """
    try:
        from agent.publisher import Publisher
    except ImportError as error:
        raise CannotStream("unsupported") from error
    return Publisher()


class DeadMan:
    """Keeps the times on which a stream's life depends, in monotonic seconds. It decides, it never waits."""

    def __init__(self, clock: AgentClock) -> None:
        self.clock = clock
        self.last_heard: float | None = None
        self.down_since: float | None = clock.monotonic()
        self.lease_until: float | None = None

    def heard(self) -> None:
        """The console gave a sign of life."""
        self.last_heard = self.clock.monotonic()

    def channel_up(self) -> None:
        """The command channel is open."""
        self.down_since = None
        self.heard()

    def channel_down(self) -> None:
        """The command channel closed; the first moment counts."""
        if self.down_since is None:
            self.down_since = self.clock.monotonic()

    def lease(self, seconds: float) -> None:
        """Let a stream live this much longer from now, 300 s at most."""
        self.lease_until = self.clock.monotonic() + min(seconds, LEASE_MAX_S)

    def silent(self) -> bool:
        """Tell whether the console has not been heard for 30 s."""
        return self.last_heard is None or self.clock.monotonic() - self.last_heard >= SILENCE_S

    def verdict(self) -> str | None:
        """Return why a stream must end now, or None while it may live."""
        now = self.clock.monotonic()
        if self.lease_until is None or now >= self.lease_until:
            return "lease-ended"
        if self.down_since is not None and now - self.down_since >= NO_CHANNEL_S:
            return "no-channel"
        return "silence" if self.silent() else None


class Streams:
    """Starts, keeps and ends the stream. A publisher exists only between start and stop: before, there is
    no object that could send anything."""

    def __init__(self, factory: Callable[[], Publishes], dead_man: DeadMan, label: str) -> None:
        self.factory = factory
        self.dead_man = dead_man
        self.label = label
        self.alert: str | None = None
        self.ended: str | None = None
        self.masked = False
        self._publisher: Publishes | None = None
        self._starting: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        """Tell whether something is being published, or about to be."""
        return self._publisher is not None

    async def start(self, alert: str, args: Mapping[str, Any]) -> None:
        """Publish to ``args['whip_url']``; replaces a running stream. Raises ``CannotStream`` with a code."""
        whip_url, token, lease_s = args.get("whip_url"), args.get("token"), read_lease(args)
        if not isinstance(whip_url, str) or not whip_url.startswith(("http://", "https://")):
            raise CannotStream("bad-args")
        if not isinstance(token, str) or not token:
            raise CannotStream("bad-args")
        # A loop: another start may have come in while the old stream was ending, and none may be forgotten.
        while self.live:
            await self.stop("replaced")
        self.alert, self.ended = alert, None
        self.dead_man.lease(lease_s)
        publisher = self._publisher = self.factory()
        publisher.mask(self.masked)
        self._starting = asyncio.ensure_future(publisher.start(whip_url, token, self.label))
        await self._finish_start(publisher, self._starting)

    async def _finish_start(self, publisher: Publishes, task: asyncio.Task[None]) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            raise CannotStream("stopped") from None
        except Exception as error:
            log.warning("the stream did not start: %s", type(error).__name__)
            if self._publisher is publisher:
                await self.stop("failed")
            raise CannotStream("publish-failed") from error

    def renew(self, alert: str, args: Mapping[str, Any]) -> None:
        """Lengthen the lease, from now on on the ground of this alert; raises ``CannotStream``.

        A stream may outlive the alert that opened it when somebody watches for another alert of this trailer.
        """
        if not self.live:
            raise CannotStream("not-streaming")
        self.alert = alert
        self.dead_man.lease(read_lease(args))

    def mask(self, on: bool) -> None:
        """Let nothing be seen while ``on``: the camera looks where it may not."""
        self.masked = on
        if self._publisher is not None:
            self._publisher.mask(on)

    async def stop(self, why: str) -> None:
        """End the stream, also one that is still starting; harmless when there is none."""
        publisher, task = self._publisher, self._starting
        self._publisher = self._starting = self.alert = None
        if publisher is None:
            return
        self.ended = why
        log.info("stream ended: %s", why)
        if task is not None and not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await publisher.stop()
        except Exception as error:
            log.error("the publisher did not stop cleanly: %s", type(error).__name__)

    async def tick(self, permitted: bool) -> None:
        """End the stream when its time is over; called twice a second and free while nothing is live."""
        if not self.live:
            return
        why = self.dead_man.verdict() if permitted else "not-deployed"
        if why is None and self._was_cut():
            why = "cut"
        if why is not None:
            await self.stop(why)

    def _was_cut(self) -> bool:
        """Tell whether the gateway ended a stream that had started."""
        started = self._starting is not None and self._starting.done()
        return started and self._publisher is not None and not self._publisher.active


def read_lease(args: Mapping[str, Any]) -> float:
    """Return ``lease_s`` in seconds; raises ``CannotStream`` unless it is over 0 and at most 300."""
    lease_s = args.get("lease_s")
    if isinstance(lease_s, bool) or not isinstance(lease_s, int | float) or not 0 < lease_s <= LEASE_MAX_S:
        raise CannotStream("bad-args")
    return float(lease_s)
