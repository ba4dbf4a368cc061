"""Every way a session ends, and how soon."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from agent.publisher import Publisher
from tests.live_gateway.harness import Gateway, Viewer, running_gateway, until


async def one_stream(gateway: Gateway, viewers: int = 1) -> tuple[Publisher, list[Viewer]]:
    publisher = Publisher()
    await publisher.start(gateway.address("whip"), "token-publish", "TRL-0007")
    watching = [Viewer() for _ in range(viewers)]
    for viewer in watching:
        await viewer.open(gateway)
    await until(lambda: all(viewer.frames > 3 for viewer in watching))
    return publisher, watching


async def tidy(publisher: Publisher, viewers: list[Viewer]) -> None:
    await publisher.stop()
    for viewer in viewers:
        await viewer.close()


async def ids(gateway: Gateway, state: str) -> list[str]:
    return [one["id"] for one in await gateway.listed() if one["state"] == state]


async def test_a_kicked_viewer_gets_no_frame_after_200_ms_and_the_others_go_on() -> None:
    async with running_gateway() as gateway:
        publisher, viewers = await one_stream(gateway, 2)
        kicked_id = (await ids(gateway, "read"))[0]
        kicked_at = time.monotonic()
        assert await gateway.kick(kicked_id) == 200
        assert await gateway.kick(kicked_id) == 404
        await asyncio.sleep(0.6)
        last = sorted(viewer.last_frame_at for viewer in viewers)
        assert last[0] - kicked_at < 0.2
        assert last[1] - kicked_at > 0.4
        assert kicked_id not in await ids(gateway, "read")
        await tidy(publisher, viewers)


async def test_kicking_the_publisher_ends_its_viewers_and_the_trailer_stops_sending() -> None:
    async with running_gateway() as gateway:
        publisher, viewers = await one_stream(gateway, 2)
        kicked_at = time.monotonic()
        assert await gateway.kick((await ids(gateway, "publish"))[0]) == 200
        assert await gateway.listed() == []
        await asyncio.wait_for(publisher.wait_ended(), 1)
        sent = publisher.stats.bytes_sent
        await asyncio.sleep(0.5)
        assert max(viewer.last_frame_at for viewer in viewers) - kicked_at < 0.2
        assert publisher.stats.bytes_sent == sent
        await tidy(publisher, viewers)


async def test_sessions_the_lease_does_not_keep_are_cut() -> None:
    async with running_gateway(lease_every_s=0.2, lease_life_s=5) as gateway:
        publisher, viewers = await one_stream(gateway)
        viewer_id = (await ids(gateway, "read"))[0]
        await until(lambda: gateway.console.leases)
        asked = gateway.console.leases[-1]
        assert {frozenset(one) for one in asked} == {frozenset({"id", "path", "action"})}
        gateway.console.dropped.add(viewer_id)
        dropped_at = time.monotonic()
        await asyncio.sleep(0.8)
        assert viewers[0].last_frame_at - dropped_at < 0.5
        assert len(await gateway.listed()) == 1
        await tidy(publisher, viewers)


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, None), (403, None), (200, []), (200, {"keep": "all"}), (200, {"keep": [1]}), (200, {})],
)
async def test_a_lease_not_rightly_answered_lapses_and_ends_everything(status: int, body: Any) -> None:
    async with running_gateway(lease_every_s=0.2, lease_life_s=1.0) as gateway:
        gateway.console.lease_status, gateway.console.lease_body = status, body
        publisher, viewers = await one_stream(gateway)
        began = time.monotonic()
        await until(lambda: not gateway.registry.sessions, 3)
        assert time.monotonic() - began < 2
        await asyncio.wait_for(publisher.wait_ended(), 1)
        await tidy(publisher, viewers)


async def test_a_console_that_is_gone_ends_everything_within_the_leases_life() -> None:
    async with running_gateway(lease_every_s=0.2, lease_life_s=1.0, hook_timeout_s=0.3) as gateway:
        publisher, viewers = await one_stream(gateway)
        await asyncio.sleep(1.3)
        assert len(await gateway.listed()) == 2, "kept while the console answers"
        await gateway.runners[1].cleanup()
        gone_at = time.monotonic()
        await until(lambda: not gateway.registry.sessions, 3)
        assert time.monotonic() - gone_at < 1.6
        await asyncio.sleep(0.2)
        assert viewers[0].last_frame_at - gone_at < 1.6
        await tidy(publisher, viewers)


async def test_delete_ends_a_session_and_may_be_repeated() -> None:
    async with running_gateway() as gateway:
        publisher, viewers = await one_stream(gateway)
        for _ in range(2):
            async with gateway.http.delete(viewers[0].resource) as answer:
                assert answer.status == 200
        assert len(await gateway.listed()) == 1
        async with gateway.http.delete(gateway.address("whep") + "/guess") as answer:
            assert answer.status == 200
        assert len(await gateway.listed()) == 1
        await tidy(publisher, viewers)


async def test_when_the_trailer_stops_the_gateway_forgets_the_path() -> None:
    async with running_gateway() as gateway:
        publisher, viewers = await one_stream(gateway)
        await publisher.stop()
        await until(lambda: not gateway.registry.sessions, 2)
        assert gateway.registry._relays == {}
        await tidy(publisher, viewers)


async def test_a_publisher_gone_silent_and_a_viewer_waiting_in_vain_are_ended() -> None:
    async with running_gateway(publisher_silence_s=0.6, viewer_patience_s=0.8) as gateway:
        publisher, viewers = await one_stream(gateway)
        alone = Viewer()
        await alone.open(gateway, path="nobody-publishes")
        sender = publisher._sender
        assert sender is not None
        sender._enabled = False
        await until(lambda: not gateway.registry.sessions, 4)
        await alone.close()
        await tidy(publisher, viewers)


async def test_a_session_that_never_connects_is_ended() -> None:
    async with running_gateway(connect_timeout_s=0.4) as gateway:
        viewer = Viewer()
        answer, _ = await gateway.post("whep", await viewer.offer(), "token-read")
        assert answer.status == 201
        assert len(await gateway.listed()) == 1
        await until(lambda: not gateway.registry.sessions, 2)
        await viewer.close()
