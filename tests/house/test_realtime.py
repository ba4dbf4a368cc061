"""The hub: one subscription while somebody listens, none when nobody does."""

import asyncio
from typing import Any

import redis
from django.conf import settings

from csoc.lib import realtime

GROUP = "test-of-the-hub"


def subscribers() -> int:
    """How many processes Valkey would tell of the group."""
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        [(_name, count)] = valkey.pubsub_numsub(f"{settings.LAYER_PREFIX}__group__{GROUP}")
        return int(count)


async def until(true: Any) -> None:
    """Wait for it, at most 10 s."""
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.02)


def test_the_last_listener_ends_the_subscription_and_the_next_one_hears_again() -> None:
    async def story() -> None:
        hub, heard = realtime.Hub(GROUP), []

        async def first(message: dict[str, Any]) -> None:
            heard.append(("first", message["n"]))

        async def second(message: dict[str, Any]) -> None:
            heard.append(("second", message["n"]))

        hub.join(first)
        hub.join(second)
        await until(lambda: subscribers() == 1)
        hub.leave(second)
        assert realtime.push(GROUP, {"type": "x", "n": 1})
        await until(lambda: heard == [("first", 1)])
        hub.leave(first)
        await until(lambda: subscribers() == 0)
        # Gone and back within a moment, as when the only screen is loaded again.
        hub.join(first)
        hub.leave(first)
        hub.join(second)
        await until(lambda: subscribers() == 1)
        assert realtime.push(GROUP, {"type": "x", "n": 2})
        await until(lambda: heard == [("first", 1), ("second", 2)])
        assert not hub.deaf
        hub.leave(second)
        await until(lambda: subscribers() == 0)

    asyncio.run(story())
