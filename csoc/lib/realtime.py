"""Pushes after commit, and the one subscription per process that receives them.

The channel layer drops silently by design, so nothing here is the truth: the database is. A push
only makes a screen or a trailer hear sooner. ``Hub`` listens to its own tick, end to end, and so
knows when the layer is deaf; its users then ask the database more often.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)

PUSH_TIMEOUT_S = 0.05
TICK_S = 1.0
DEAF_AFTER_S = 2.5

Message = dict[str, Any]
Listener = Callable[[Message], Awaitable[None]]


@cache
def _client() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PUSH_TIMEOUT_S, socket_connect_timeout=PUSH_TIMEOUT_S
    )


def push(group: str, message: Message) -> bool:
    """Publish now, in the layer's own encoding; False if Valkey did not take it. Never raises."""
    return push_all(group, [message])


def push_all(group: str, messages: Sequence[Message]) -> bool:
    """The same for many messages, in their order and in one round trip."""
    layer = get_channel_layer()
    channel = f"{settings.LAYER_PREFIX}__group__{group}"
    try:
        if len(messages) == 1:
            _client().publish(channel, layer.serialize(messages[0]))
        else:
            with _client().pipeline(transaction=False) as pipeline:
                for message in messages:
                    pipeline.publish(channel, layer.serialize(message))
                pipeline.execute()
    except (redis.RedisError, OSError) as error:
        log.warning("push to %s not delivered: %s", group, type(error).__name__)
        return False
    return True


def push_on_commit(group: str, message: Message) -> None:
    """Publish ``message`` to ``group`` once the caller's transaction has committed."""
    transaction.on_commit(lambda: push(group, message), robust=True)


def push_all_on_commit(group: str, messages: Sequence[Message]) -> None:
    """Publish ``messages`` to ``group``, in one round trip, once the caller's transaction has committed."""
    if messages:
        transaction.on_commit(lambda: push_all(group, messages), robust=True)


class Hub:
    """One subscription of this process to one group; listeners are called in turn with each message."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.listeners: set[Listener] = set()
        self._name = uuid.uuid4().hex
        self._heard_at = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def deaf(self) -> bool:
        """True when the layer has not brought back our own tick for 2.5 s."""
        return time.monotonic() - self._heard_at > DEAF_AFTER_S

    def join(self, listener: Listener) -> None:
        """Add a listener; the first one starts the subscription."""
        self.listeners.add(listener)
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._tick())]

    def leave(self, listener: Listener) -> None:
        """Remove a listener."""
        self.listeners.discard(listener)

    async def deliver(self, message: Message) -> None:
        """Hand one message to every listener; one that fails keeps its place and never stops the others."""
        for listener in list(self.listeners):
            try:
                await listener(message)
            except Exception as error:
                log.warning("listener of %s failed: %s", self.group, type(error).__name__)

    async def _listen(self) -> None:
        while True:
            try:
                await self._receive_forever()
            except Exception as error:
                log.warning("channel layer lost (%s): %s", self.group, type(error).__name__)
                await asyncio.sleep(TICK_S)

    async def _receive_forever(self) -> None:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(self.group, channel)
        while True:
            message = await layer.receive(channel)
            if message.get("type") == "hub.tick":
                if message["from"] == self._name:
                    self._heard_at = time.monotonic()
                continue
            await self.deliver(message)

    async def _tick(self) -> None:
        layer = get_channel_layer()
        while True:
            with contextlib.suppress(Exception):
                tick = {"type": "hub.tick", "from": self._name}
                await asyncio.wait_for(layer.group_send(self.group, tick), TICK_S)
            await asyncio.sleep(TICK_S)


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Hub]]" = WeakKeyDictionary()


def hub(group: str) -> Hub:
    """Return this event loop's hub for ``group``."""
    found = _hubs.setdefault(asyncio.get_running_loop(), {})
    if group not in found:
        found[group] = Hub(group)
    return found[group]
