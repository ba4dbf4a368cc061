"""The dead man: every way in which a picture must end, with a clock that is moved and no sleeping."""

from __future__ import annotations

import asyncio

import pytest

from agent.streams import CannotStream, DeadMan, Streams
from tests.agent.parts import Camera, MovedClock

ARGS = {"lease_s": 300, "whip_url": "http://127.0.0.1:9/whip/x", "token": "secret"}


class Rig:
    """A trailer's stream with its channel up."""

    def __init__(self) -> None:
        Camera.made = []
        self.clock = MovedClock()
        self.dead_man = DeadMan(self.clock)
        self.streams = Streams(Camera, self.dead_man, "Mill Lane")
        self.dead_man.channel_up()

    async def after(self, seconds: float, *, heard: bool = True, permitted: bool = True) -> bool:
        """Let time pass, tick, and tell whether the picture still runs."""
        self.clock.move(seconds)
        if heard:
            self.dead_man.heard()
        await self.streams.tick(permitted)
        return self.streams.live


@pytest.fixture
def rig():
    return Rig()


async def test_no_publisher_exists_before_the_command(rig):
    assert await rig.after(1) is False
    assert Camera.made == []
    await rig.streams.start("a", ARGS)
    assert Camera.made[0].started == [("http://127.0.0.1:9/whip/x", "secret", "Mill Lane")]


async def test_ends_after_30_s_of_silence(rig):
    await rig.streams.start("a", ARGS)
    assert await rig.after(29.9, heard=False)
    assert not await rig.after(0.1, heard=False)
    assert rig.streams.ended == "silence" and Camera.made[0].stops == 1


async def test_any_word_of_the_console_starts_the_30_s_again(rig):
    await rig.streams.start("a", ARGS)
    for _ in range(9):
        assert await rig.after(29)


async def test_ends_after_10_s_without_its_channel(rig):
    await rig.streams.start("a", ARGS)
    rig.dead_man.channel_down()
    assert await rig.after(9.9, heard=False)
    rig.dead_man.channel_down()
    assert not await rig.after(0.1, heard=False), "only the first loss counts"
    assert rig.streams.ended == "no-channel"


async def test_a_channel_that_returns_in_time_keeps_the_picture(rig):
    await rig.streams.start("a", ARGS)
    rig.dead_man.channel_down()
    await rig.after(9, heard=False)
    rig.dead_man.channel_up()
    assert await rig.after(9)


async def test_the_lease_ends_it_unless_renewed(rig):
    await rig.streams.start("a", {**ARGS, "lease_s": 60})
    assert await rig.after(59)
    rig.streams.renew("a", {"lease_s": 60})
    assert await rig.after(59)
    assert not await rig.after(1)
    assert rig.streams.ended == "lease-ended"


async def test_the_end_of_the_deployment_ends_it(rig):
    await rig.streams.start("a", ARGS)
    assert not await rig.after(0, permitted=False)
    assert rig.streams.ended == "not-deployed"


async def test_a_stream_the_gateway_cut_is_let_go(rig):
    await rig.streams.start("a", ARGS)
    Camera.made[0].active = False
    assert not await rig.after(0)
    assert rig.streams.ended == "cut"


async def test_a_stop_ends_a_start_that_hangs(rig, monkeypatch):
    monkeypatch.setattr(Camera, "start", lambda *_: asyncio.Event().wait())
    starting = asyncio.create_task(rig.streams.start("a", ARGS))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert rig.streams.live
    await rig.streams.stop("stopped")
    with pytest.raises(CannotStream, match="stopped"):
        await starting
    assert not rig.streams.live and Camera.made[0].stops == 1


async def test_a_refused_publication_leaves_nothing(rig, monkeypatch):
    async def refuse(*_):
        raise RuntimeError

    monkeypatch.setattr(Camera, "start", refuse)
    with pytest.raises(CannotStream, match="publish-failed"):
        await rig.streams.start("a", ARGS)
    assert not rig.streams.live and Camera.made[0].stops == 1


async def test_two_starts_leave_one_publisher(rig):
    await rig.streams.start("a", ARGS)
    await asyncio.gather(rig.streams.start("b", ARGS), rig.streams.start("c", ARGS), return_exceptions=True)
    assert [camera.active for camera in Camera.made].count(True) == 1


async def test_only_a_running_stream_is_renewed_and_the_renewal_is_its_new_ground(rig):
    with pytest.raises(CannotStream, match="not-streaming"):
        rig.streams.renew("a", {"lease_s": 30})
    await rig.streams.start("a", ARGS)
    rig.streams.renew("b", {"lease_s": 30})
    assert rig.streams.alert == "b"
    assert not await rig.after(30)


@pytest.mark.parametrize(
    "change",
    [
        {"lease_s": 301}, {"lease_s": 0}, {"lease_s": True}, {"lease_s": None}, {"lease_s": "30"},
        {"whip_url": "file:///etc/passwd"}, {"whip_url": 7}, {"token": ""}, {"token": None},
    ],
)  # fmt: skip
async def test_arguments_outside_the_contract_start_nothing(rig, change):
    with pytest.raises(CannotStream, match="bad-args"):
        await rig.streams.start("a", {**ARGS, **change})
    assert Camera.made == []
