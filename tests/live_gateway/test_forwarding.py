"""The picture arrives as it was sent: same bytes, quickly, and repaired when packets get lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent.publisher import Publisher
from live.gateway import private_api
from live.gateway.h264 import starts_key_frame
from live.gateway.relay import Leg
from tests.live_gateway.harness import Gateway, Viewer, running_gateway, until


@asynccontextmanager
async def publishing(**changes: Any) -> AsyncIterator[tuple[Gateway, Publisher]]:
    async with running_gateway(**changes) as gateway:
        publisher = Publisher()
        await publisher.start(gateway.address("whip"), "token-publish", "TRL-0007")
        try:
            yield gateway, publisher
        finally:
            await publisher.stop()


async def test_a_viewer_sees_the_counter_advance() -> None:
    async with publishing() as (gateway, publisher):
        viewer = Viewer()
        await viewer.open(gateway)
        await until(lambda: len(viewer.strips) > 40)
        counters = [strip.counter for strip in viewer.strips]
        assert counters == sorted(set(counters))
        assert counters[-1] - counters[0] >= 39
        age_ms = (int(time.time() * 1000) - viewer.strips[-1].unix_ms) & 0xFFFFFFFF
        assert age_ms < 1000
        items = {one["state"]: one for one in await gateway.listed()}
        assert items["publish"]["bytesReceived"] > 50_000
        assert items["read"]["bytesSent"] > 50_000
        assert publisher.stats.bytes_sent > 50_000
        await viewer.close()


async def test_a_viewer_may_come_before_the_publisher() -> None:
    async with running_gateway() as gateway:
        viewer, publisher = Viewer(), Publisher()
        await viewer.open(gateway)
        await publisher.start(gateway.address("whip"), "token-publish", "TRL-0007")
        await until(lambda: viewer.frames > 3)
        await publisher.stop()
        await viewer.close()


async def test_payloads_are_forwarded_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[int, list[bytes]] = {}
    original = private_api.send_rtp

    def keep(transport: Any, data: bytes) -> None:
        sent.setdefault(id(transport), []).append(data)
        original(transport, data)

    monkeypatch.setattr(private_api, "send_rtp", keep)
    async with publishing() as (gateway, _):
        source = next(s.source for s in gateway.registry.sessions.values() if s.source)
        received: list[bytes] = []
        add = source.add
        source.receiver._RTCRtpReceiver__jitter_buffer = _Tap(received, add)  # type: ignore[attr-defined]
        viewers = [Viewer(), Viewer()]
        for viewer in viewers:
            await viewer.open(gateway)
        await until(lambda: all(viewer.frames > 20 for viewer in viewers))
        assert len(sent) == 2
        for packets in sent.values():
            # What a viewer asked for again comes a second time, with its old number.
            packets[:] = {packet[2:4]: packet for packet in reversed(packets)}.values()
            packets.sort(key=lambda packet: int.from_bytes(packet[2:4], "big"))
            payloads = [packet[12:] for packet in packets]
            # A key frame's first packet is the same each time, so it may stand at several places.
            starts = [i for i, payload in enumerate(received) if payload == payloads[0]]
            assert any(received[i : i + len(payloads)] == payloads for i in starts)
            assert starts_key_frame(payloads[0]), "a viewer begins with a key frame"
            numbers = [int.from_bytes(packet[2:4], "big") for packet in packets]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            assert len({packet[8:12] for packet in packets}) == 1
        assert len({packets[0][8:12] for packets in sent.values()}) == 2, "each viewer has its own SSRC"
        for viewer in viewers:
            await viewer.close()


class _Tap:
    def __init__(self, kept: list[bytes], add: Any) -> None:
        self.kept, self._add = kept, add

    def add(self, packet: Any) -> Any:
        self.kept.append(packet.payload)
        return self._add(packet)


async def test_a_late_viewer_does_not_wait_for_the_next_regular_key_frame() -> None:
    async with publishing() as (gateway, _):
        waits = []
        for _ in range(4):
            viewer = Viewer()
            began = time.monotonic()
            await viewer.open(gateway)
            await viewer.first_frame()
            waits.append(time.monotonic() - began)
            await viewer.close()
            await asyncio.sleep(0.35)
        assert sorted(waits)[1] < 0.9, waits


async def test_key_frames_are_asked_for_at_most_every_300_ms() -> None:
    async with publishing() as (gateway, _):
        viewer = Viewer()
        await viewer.open(gateway)
        await until(lambda: viewer.frames > 5)
        relay = next(iter(gateway.registry.sessions.values())).relay
        before, began = relay.key_frame_requests, time.monotonic()
        while time.monotonic() - began < 1.0:
            relay.request_key_frame()
            await asyncio.sleep(0.01)
        assert 2 <= relay.key_frame_requests - before <= 4
        await viewer.close()


async def test_a_viewers_picture_loss_reaches_the_publisher() -> None:
    async with publishing() as (gateway, _):
        viewer = Viewer()
        await viewer.open(gateway)
        await until(lambda: viewer.frames > 5)
        relay = next(iter(gateway.registry.sessions.values())).relay
        before = relay.key_frame_requests
        receiver = viewer.transceiver.receiver
        ssrc = next(iter(receiver._RTCRtpReceiver__remote_streams))  # type: ignore[attr-defined]
        await receiver._send_rtcp_pli(ssrc)
        await until(lambda: relay.key_frame_requests > before, 2)
        await viewer.close()


async def test_lost_packets_are_repaired_from_history(monkeypatch: pytest.MonkeyPatch) -> None:
    original, count = private_api.send_rtp, 0

    def lossy(transport: Any, data: bytes) -> None:
        nonlocal count
        count += 1
        if count % 20:
            original(transport, data)

    async with publishing() as (gateway, _):
        viewer = Viewer()
        await viewer.open(gateway)
        await until(lambda: viewer.frames > 10)
        monkeypatch.setattr(private_api, "send_rtp", lossy)
        seen = len(viewer.strips)
        await until(lambda: len(viewer.strips) > seen + 60)
        counters = [strip.counter for strip in viewer.strips[seen:]]
        missing = counters[-1] - counters[0] + 1 - len(counters)
        assert missing <= 6, "5 % loss must not cost more than a few pictures"
        await viewer.close()


async def test_a_new_publisher_takes_over_and_viewers_go_on() -> None:
    async with publishing() as (gateway, first):
        viewer, second = Viewer(), Publisher()
        await viewer.open(gateway)
        await until(lambda: viewer.frames > 40)
        await second.start(gateway.address("whip"), "token-publish", "TRL-0008")
        await until(lambda: viewer.strips[-1].counter < 30, 5)
        seen = viewer.frames
        await until(lambda: viewer.frames > seen + 20)
        assert [one["state"] for one in await gateway.listed()].count("publish") == 1
        await until(lambda: not first.active, 2)
        await second.stop()
        await viewer.close()


async def test_paths_are_apart() -> None:
    async with publishing() as (gateway, _):
        other = Viewer()
        await other.open(gateway, path="another-path")
        await asyncio.sleep(1)
        assert other.frames == 0
        await other.close()


class _Packet:
    def __init__(self, sequence: int, timestamp: int, payload: bytes) -> None:
        self.sequence_number, self.timestamp, self.payload = sequence, timestamp, payload
        self.marker = 0


SPS = bytes((0x67, 0x42, 0xE0, 0x1F))
SLICE = bytes((0x41, 0x9A, 0x00, 0x01))


def bare_leg() -> tuple[Leg, list[tuple[int, int]]]:
    leg, out = Leg.__new__(Leg), []
    leg.waiting, leg.open = True, True
    leg._next_sequence, leg._last_timestamp = 65_530, (1 << 32) - 10
    leg._base = leg._since_base = leg._sequence_offset = leg._timestamp_offset = 0

    def send(packet: Any) -> None:
        number = (packet.sequence_number + leg._sequence_offset) & 0xFFFF
        out.append((number, (packet.timestamp + leg._timestamp_offset) & 0xFFFFFFFF))

    leg._send = send  # type: ignore[method-assign]
    return leg, out


def test_numbers_wrap_and_packets_from_before_the_key_frame_are_dropped() -> None:
    leg, out = bare_leg()
    leg.forward(_Packet(65_534, 7, SLICE), False)  # type: ignore[arg-type]
    leg.forward(_Packet(65_535, 9, SPS), True)  # type: ignore[arg-type]
    leg.forward(_Packet(65_533, 7, SLICE), False)  # type: ignore[arg-type]
    leg.forward(_Packet(1, 10, SLICE), False)  # type: ignore[arg-type]
    leg.forward(_Packet(0, 10, SLICE), False)  # type: ignore[arg-type]
    assert [number for number, _ in out] == [65_530, 65_532, 65_531]
    assert out[0][1] == 3590


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (SPS, True),
        (SLICE, False),
        (bytes((0x18, 0, 4)) + SPS + bytes((0, 2, 0x68, 0xCE)), True),
        (bytes((0x18, 0, 4)) + SLICE, False),
        (bytes((0x18, 0xFF, 0xFF)) + SPS, False),
        (bytes((0x7C, 0x85, 0, 0)), False),
        (bytes((0x7C, 0x87, 0, 0)), True),
        (bytes((0x7C, 0x07, 0, 0)), False),
        (b"", False),
        (b"\x67", False),
    ],
)
def test_where_a_key_frame_begins(payload: bytes, begins: bool) -> None:
    assert starts_key_frame(payload) is begins
