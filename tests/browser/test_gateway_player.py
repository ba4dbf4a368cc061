"""The real player in a real Chromium: first frame, honest states, black on command.

Each test runs its own event loop in its own thread: other browser tests use Playwright's blocking
interface, which keeps a loop running in the main one.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Page

from agent.publisher import Publisher
from tests.live_gateway.harness import PATH, Gateway, running_gateway, until
from tests.live_gateway.page import browser_page, page_server, states

WATCH = f"watch('{PATH}', 'token-read')"


def in_own_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Make a plain test of an asynchronous one."""

    @functools.wraps(test)
    def run() -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, test()).result(timeout=120)

    return run


@asynccontextmanager
async def playing() -> AsyncIterator[tuple[Gateway, Publisher, Page]]:
    async with running_gateway() as gateway, page_server(gateway.url) as url, browser_page(url) as page:
        publisher = Publisher()
        await publisher.start(gateway.address("whip"), "token-publish", "TRL-0007")
        await until(lambda: publisher.stats.frames > 2)
        try:
            yield gateway, publisher, page
        finally:
            await publisher.stop()


async def wait_state(page: Page, state: str, seconds: float = 5) -> list[Any]:
    """The first entry of the player's diary with this state."""
    await page.wait_for_function(
        "wanted => states.some(([s]) => s === wanted)", arg=state, timeout=seconds * 1000, polling=20
    )
    return next(one for one in await states(page) if one[0] == state)


@in_own_loop
async def test_h264_plays_quickly_and_the_burned_in_counter_advances() -> None:
    async with playing() as (gateway, _, page):
        first_ms = await page.evaluate(WATCH)
        assert first_ms < 2000
        await page.wait_for_function("strips.length > 50")
        strips = await page.evaluate("strips")
        counters = [counter for counter, _ in strips]
        assert counters == sorted(counters)
        assert counters[-1] - counters[0] >= 40
        ages = sorted(age for _, age in strips[10:])
        assert ages[len(ages) // 2] < 500, "glass to glass"
        assert 0 <= await page.evaluate("player.pictureAgeMs") < 1000
        assert [one[0] for one in await states(page)] == ["connecting", "live"]
        assert len(await gateway.listed()) == 2


@in_own_loop
async def test_a_forged_token_shows_nothing_and_opens_nothing() -> None:
    async with playing() as (gateway, _, page):
        status = await page.evaluate(f"player.open('/gateway/{PATH}/whep', 'forged').catch(e => e.status)")
        assert status == 401
        assert [one[:2] for one in await states(page)] == [["connecting", ""], ["ended", "refused"]]
        assert await page.evaluate("video.srcObject") is None
        assert [one["state"] for one in await gateway.listed()] == ["publish"]


@in_own_loop
async def test_blank_is_black_at_once_and_the_gateway_forgets_the_viewer() -> None:
    async with playing() as (gateway, _, page):
        await page.evaluate(WATCH)
        await page.wait_for_function("player.frames > 5")
        took_ms = await page.evaluate(
            "(() => { const from = performance.now(); player.blank('closed by D. Okafor');"
            " return video.srcObject === null ? performance.now() - from : -1; })()"
        )
        assert 0 <= took_ms < 200
        assert (await states(page))[-1][:2] == ["blank", "closed by D. Okafor"]
        assert await page.evaluate("[player.pictureAgeMs, video.videoWidth]") == [None, 0]
        await until(lambda: len(gateway.registry.sessions) == 1, 2)


@in_own_loop
async def test_a_kick_ends_the_picture_without_waiting_for_the_browser() -> None:
    async with playing() as (gateway, _, page):
        await page.evaluate(WATCH)
        viewer = next(one for one in await gateway.listed() if one["state"] == "read")
        kicked_ms = time.time() * 1000
        assert await gateway.kick(viewer["id"]) == 200
        ended = await wait_state(page, "ended")
        assert ended[1] == "cut"
        assert ended[2] - kicked_ms < 1000
        assert await page.evaluate("video.srcObject") is None


@in_own_loop
async def test_a_still_never_passes_for_live_and_a_returning_picture_is_shown() -> None:
    async with playing() as (gateway, publisher, page):
        await page.evaluate(WATCH)
        await page.wait_for_function("player.frames > 5")
        source = next(s.source for s in gateway.registry.sessions.values() if s.source)
        source.open = False
        silent_ms = time.time() * 1000
        dimmed = await wait_state(page, "dimmed")
        assert 300 < dimmed[2] - silent_ms < 1200
        blank = await wait_state(page, "blank")
        assert 1800 < blank[2] - silent_ms < 3000
        assert await page.evaluate("video.srcObject") is None
        source.last_packet_at = asyncio.get_running_loop().time()
        source.open = True
        await page.wait_for_function("player.state === 'live'", timeout=5000)
        assert publisher.active
