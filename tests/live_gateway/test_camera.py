"""The synthetic camera and its publisher: readable, cheap to start, and silent until told."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiortc
import av
import numpy as np
import pytest

from agent import publisher as publisher_module
from agent.camera import Camera
from agent.publisher import Publisher, PublishRefused
from agent.strip import HEIGHT, WIDTH, draw_strip, read_strip
from tests.live_gateway.harness import running_gateway, until


@pytest.mark.parametrize("counter", [0, 1, 4_294_967_295, 123_456_789])
@pytest.mark.parametrize("unix_ms", [0, 1_795_293_400_123])
def test_the_strip_reads_back(counter: int, unix_ms: int) -> None:
    luma = np.full((720, 1280), 90, dtype=np.uint8)
    draw_strip(luma, counter, unix_ms)
    assert read_strip(luma) == (counter, unix_ms & 0xFFFFFFFF)


@pytest.mark.parametrize("level", [0, 16, 128, 255])
def test_an_empty_picture_has_no_strip(level: int) -> None:
    assert read_strip(np.full((720, 1280), level, dtype=np.uint8)) is None
    assert read_strip(np.full((HEIGHT - 1, WIDTH), level, dtype=np.uint8)) is None


def test_every_frame_survives_the_codec_and_tells_the_time() -> None:
    camera = Camera("TRL-0007")
    decoder = av.CodecContext.create("h264", "r")
    strips, sizes = [], 0
    for _ in range(30):
        for packet in camera.encode():
            sizes += packet.size
            frames: list[Any] = list(decoder.decode(packet))  # type: ignore[attr-defined]
            strips += [read_strip(frame.to_ndarray(format="yuv420p")[:720]) for frame in frames]
    assert [strip.counter for strip in strips if strip] == list(range(30))
    last = strips[-1]
    assert last is not None
    assert (int(time.time() * 1000) - last.unix_ms) & 0xFFFFFFFF < 2000
    assert sizes * 8 * 25 / 30 < 2_500_000, "about 1.5 Mbit/s"


def test_key_frames_come_every_second_and_on_demand() -> None:
    camera = Camera("TRL-0007", fps=10)
    keys = []
    for index in range(25):
        if index == 14:
            camera.force_key_frame()
        keys += [index for packet in camera.encode() if packet.is_keyframe]
    assert keys == [0, 10, 14, 20]


async def test_nothing_opens_encodes_or_leaves_before_start(monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[str] = []
    monkeypatch.setattr(publisher_module, "Camera", lambda *a, **k: touched.append("camera"))
    monkeypatch.setattr(publisher_module, "RTCPeerConnection", lambda *a: touched.append("socket"))
    publisher = Publisher()
    await asyncio.sleep(0.2)
    await publisher.stop()
    assert touched == []
    assert publisher.stats == (publisher_module.Stats(0, 0, 0))
    assert not publisher.active


async def test_nothing_leaves_when_the_gateway_refuses() -> None:
    async with running_gateway() as gateway:
        publisher = Publisher()
        with pytest.raises(PublishRefused):
            await publisher.start(gateway.address("whip"), "wrong", "TRL-0007")
        assert not publisher.active
        assert publisher.stats.packets_sent == publisher.stats.frames == 0
    with pytest.raises(PublishRefused) as refused:
        await publisher.start("http://127.0.0.1:9/x/whip", "token", "TRL-0007")
    assert refused.value.status is None


async def test_nothing_leaves_after_stop_and_it_can_start_again() -> None:
    async with running_gateway() as gateway:
        publisher = Publisher(fps=10)
        for _ in range(2):
            wanted = publisher.stats.packets_sent + 20
            await publisher.start(gateway.address("whip"), "token-publish", "TRL-0007")
            await sent_at_least(publisher, wanted)
            await publisher.stop()
            stopped = publisher.stats
            await asyncio.sleep(0.3)
            assert publisher.stats == stopped
            assert not publisher.active
            await until(lambda: not gateway.registry.sessions, 2)


async def sent_at_least(publisher: Publisher, packets: int) -> None:
    await until(lambda: publisher.stats.packets_sent > packets)


async def test_the_publisher_asks_no_server_for_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[aiortc.RTCConfiguration] = []
    original = aiortc.RTCPeerConnection

    def spy(configuration: aiortc.RTCConfiguration) -> aiortc.RTCPeerConnection:
        made.append(configuration)
        return original(configuration)

    monkeypatch.setattr(publisher_module, "RTCPeerConnection", spy)
    async with running_gateway() as gateway:
        publisher = Publisher()
        await publisher.start(gateway.address("whip"), "token-publish", "TRL-0007")
        await publisher.stop()
    assert made[0].iceServers == []
