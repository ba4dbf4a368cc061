"""Clips and crops at the trailer: after their alert, encrypted until then, then gone, in nobody's way."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agent import plates, sounds
from agent.buffer import Buffer
from agent.client import Answer
from agent.media import MOST_BYTES, Media, MediaStore, clip, crop
from agent.store import Store
from agent.trailer import TrailerAgent
from alerts.media import clip as clips
from alerts.media import crop as crops
from alerts.media import voice
from tests.agent.console import problem
from tests.agent.parts import GUNSHOT, HIT, pair, running, until

AT = datetime(2026, 4, 27, 23, 14, 7, tzinfo=UTC)
SHOTS = clip(b"RIFF-of-a-shot" * 20, 16_000)
PLATE = crop(b"picture-of-CABC123" * 20, 328, 112)


@pytest.fixture
async def ready(tmp_path: Path) -> Any:
    console, make = pair(tmp_path)
    await console.up()
    console.deploy(datetime.now(UTC) + timedelta(hours=1))
    yield console, make
    await console.down()


def on_disk(path: Path) -> bytes:
    return b"".join(one.read_bytes() for one in path.rglob("*") if one.is_file())


def puts(console: Any) -> list[tuple[str, str, bytes]]:
    return [
        (path, headers["content-type"], body)
        for method, path, headers, body in console.requests
        if method == "PUT"
    ]


async def sensing(agent: TrailerAgent) -> None:
    await until(lambda: agent.sensing("gunshot"))


async def test_sent_after_its_alert_as_announced_and_gone_afterwards(ready: Any, tmp_path: Path) -> None:
    console, make = ready
    agent = make()
    async with running(agent):
        await sensing(agent)
        for kind, block, media in (("gunshot", GUNSHOT, SHOTS), ("alpr_hit", HIT, PLATE)):
            alert, answer = await agent.report_and_wait(kind, block, media)
            assert answer.ok
            await until(lambda: not len(agent.sender.media.store))
            path, media_type, body = puts(console)[-1]
            assert path == f"/api/v1/alerts/{alert}/{media.kind}"
            assert (media_type, body) == ({"clip": "audio/wav", "crop": "image/jpeg"}[media.kind], media.data)
            assert console.alerts[alert][kind][media.kind] == media.notice()
    methods = [(method, path) for method, path, *_rest in console.requests if method in ("POST", "PUT")]
    assert [method for method, _path in methods] == ["POST", "PUT", "POST", "PUT"]
    assert PLATE.data[:18] not in on_disk(tmp_path / "state")


async def test_alerts_that_wait_go_first(ready: Any) -> None:
    console, make = ready
    agent = make()
    await agent.fetch_desired()
    ids = [agent.report("gunshot", GUNSHOT, SHOTS).id for _ in range(3)]
    assert await agent.sender.media.flush() == pytest.approx(1.0)
    assert await agent.sender.flush() == 0.0
    while await agent.sender.media.flush() is not None:
        pass
    assert [method for method, *_rest in console.requests if method != "GET"] == ["POST", "PUT", "PUT", "PUT"]
    assert {path.split("/")[4] for path, *_rest in puts(console)} == set(ids)
    await agent._close([])


@pytest.mark.parametrize(
    ("answer", "left", "faults"),
    [
        (problem("too-old", 410), 0, set()),
        (problem("id-conflict", 409), 0, set()),
        (problem("clip-voice", 422), 0, {"clip-voice"}),
        (problem("not-found", 404), 0, set()),
        ((404, "a detour's own page"), 1, set()),
        (problem("unavailable", 503), 1, set()),
        (problem("slow-down", 429), 1, set()),
        ((500, {}), 1, set()),
    ],
)
async def test_what_is_done_about_each_answer(ready: Any, answer: Any, left: int, faults: set[str]) -> None:
    console, make = ready
    agent = make()
    await agent.fetch_desired()
    agent.report("gunshot", GUNSHOT, SHOTS)
    await agent.sender.flush()
    console.script = [answer]
    delay = await agent.sender.media.flush()
    assert (len(agent.sender.media.store), agent.faults) == (left, faults)
    assert delay is not None and (delay > 0) == bool(left)
    if left:
        # It does not ask again before its time, and takes the next answer.
        assert await agent.sender.media.flush() and len(puts(console)) == 1
        agent.sender.media._not_before = 0.0
        await agent.sender.media.flush()
        assert len(agent.sender.media.store) == 0
    await agent._close([])


async def test_an_ended_deployment_destroys_what_waits(ready: Any, tmp_path: Path) -> None:
    console, make = ready
    agent = make()
    await agent.fetch_desired()
    agent.report("gunshot", GUNSHOT, SHOTS)
    await agent.sender.flush()
    before = (tmp_path / "state" / "buffer.key").read_bytes()
    console.script = [problem("not-deployed", 403)]
    await agent.sender.media.flush()
    assert len(agent.sender.media.store) == 0 and not agent.sensing("gunshot")
    assert (tmp_path / "state" / "buffer.key").read_bytes() != before
    await agent._close([])


async def test_an_alert_that_is_dropped_takes_its_clip_along(ready: Any) -> None:
    console, make = ready
    agent = make()
    await agent.fetch_desired()
    agent.report("gunshot", GUNSHOT, SHOTS)
    console.script = [problem("too-old", 410)]
    await agent.sender.flush()
    assert len(agent.sender.media.store) == 0
    await agent._close([])


async def test_a_console_that_wants_none_is_sent_none(ready: Any) -> None:
    console, make = ready
    agent = make()
    await agent.fetch_desired()
    entry = agent.report("gunshot", GUNSHOT, SHOTS)
    console.script = [(201, {"id": entry.id, "received_at": "2026-04-27T23:14:08Z", "upload": None})]
    await agent.sender.flush()
    assert await agent.sender.media.flush() is None and puts(console) == []
    await agent._close([])


def kept(path: Path) -> tuple[Buffer, MediaStore]:
    buffer = Buffer(Store(path), path, "TRL-0007")
    return buffer, MediaStore(buffer)


def add(buffer: Buffer, alert: str, media: Media = SHOTS, kind: str = "gunshot") -> None:
    buffer.add(kind, alert, AT, lambda seq: {"seq": seq}, media=media)


def test_unreadable_on_disk_and_there_after_a_restart(tmp_path: Path) -> None:
    buffer, media = kept(tmp_path)
    add(buffer, "a", PLATE)
    media.accepted("a", Answer(201, body={"received_at": "2026-04-27T23:14:08Z"}), AT)
    assert PLATE.data[:18] not in on_disk(tmp_path)
    buffer.store.close()
    _buffer, again = kept(tmp_path)
    waiting = again.next(AT)
    assert waiting is not None and (waiting.alert, waiting.kind, waiting.data) == ("a", "crop", PLATE.data)


@pytest.mark.parametrize(
    ("body", "until_s"),
    [
        ({"upload": {"clip": "x", "until": "2026-04-27T23:20:07Z"}}, 360),
        ({"received_at": "2026-04-27T23:14:07Z"}, 900),
        ({"received_at": "no time", "upload": {"until": None}}, 900),
        (None, 900),
    ],
)
def test_only_until_the_console_takes_it(tmp_path: Path, body: Any, until_s: int) -> None:
    buffer, media = kept(tmp_path)
    add(buffer, "a")
    assert media.next(AT) is None, "not before its alert was accepted"
    media.accepted("a", Answer(201, body=body), AT)
    assert media.next(AT + timedelta(seconds=until_s - 1)) is not None
    assert media.next(AT + timedelta(seconds=until_s)) is None
    assert len(media) == 0, "what is too late is deleted"


def test_clips_before_crops_and_older_before_newer(tmp_path: Path) -> None:
    buffer, media = kept(tmp_path)
    order = []
    for alert, one in (("p1", PLATE), ("s1", SHOTS), ("p2", PLATE), ("s2", SHOTS)):
        add(buffer, alert, one)
        media.accepted(alert, Answer(201), AT)
    while waiting := media.next(AT):
        order.append(waiting.alert)
        media.remove(waiting.alert)
    assert order == ["s1", "s2", "p1", "p2"]


def test_all_that_waits_has_a_bound_and_the_oldest_gives_way(tmp_path: Path) -> None:
    buffer, media = kept(tmp_path)
    great = clip(bytes(MOST_BYTES // 4), 48_000)
    for number in range(5):
        add(buffer, f"a{number}", great)
        media.accepted(f"a{number}", Answer(201), AT)
    waiting = media.next(AT)
    assert len(media) == 3 and waiting is not None and waiting.alert == "a2"


def test_a_lost_key_loses_it_and_nothing_else(tmp_path: Path) -> None:
    buffer, media = kept(tmp_path)
    add(buffer, "a")
    media.accepted("a", Answer(201), AT)
    (tmp_path / "buffer.key").unlink()
    _buffer, again = kept(tmp_path)
    assert again.next(AT) is None and len(again) == 0


# --- what the simulator senses ------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_every_simulated_shot_passes_the_consoles_own_check(rate_hz: int) -> None:
    for seed, rounds in enumerate((1, 1, 2, 3, 6)):
        found = clips.check(sounds.shots(seed, rounds, 430 * (rounds - 1), rate_hz), rate_hz)
        assert 1990 <= found.onset_ms <= 2010
    longest = sounds.shots(9, 100, 7_000, 16_000)
    assert clips.check(longest, 16_000).duration_ms == 10_000


def test_the_same_seed_is_the_same_sound_and_the_same_picture() -> None:
    assert sounds.shots(4, 3, 800) == sounds.shots(4, 3, 800) != sounds.shots(5, 3, 800)
    assert plates.crop(4, "CABC123") == plates.crop(4, "CABC123") != plates.crop(5, "CABC123")


@pytest.mark.parametrize("plate", ["AB", "CABC123", "ABCD1234"])
def test_every_simulated_picture_passes_as_well(plate: str) -> None:
    data = plates.crop(3, plate)
    assert len(data) < crops.MAX_BYTES
    clean = crops.clean(data, plates.WIDTH, plates.HEIGHT)
    assert Image.open(io.BytesIO(clean)).size == (plates.WIDTH, plates.HEIGHT)


def test_nobody_speaks_in_a_simulated_shot() -> None:
    import numpy as np

    samples = np.frombuffer(sounds.shots(2, 6, 2_500)[44:], "<i2").astype(np.float32) / 32_768
    assert voice.seconds_of(samples) == voice.seconds_of(voice.levelled(samples)) == 0.0
