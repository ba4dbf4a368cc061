"""A camera that moves: every move ends, a stop overtakes, and no forbidden sector is looked into."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.clock import AgentClock
from agent.desired import Desired
from agent.ports import Cannot, Pose
from agent.simptz import SimulatedPtz
from agent.turret import Turret
from tests.agent.parts import MovedClock, until

MOVE = {"pan": 0.5, "tilt": 0.0, "zoom": 0.0, "timeout_ms": 2000}
#: 60° to 120° true: to the right of a camera that looks north.
EAST = ((60.0, 120.0),)


class Rig:
    """A turret over a software head with its clock; north is pan 0 unless told otherwise."""

    def __init__(self, clock: AgentClock, **desired: Any) -> None:
        self.clock = clock
        self.head = SimulatedPtz(clock)
        self.head._pose = Pose(0.0, 0.0, 20.0)
        self.desired = Desired(**desired)
        self.permitted = True
        self.dark: list[bool] = []
        self.turret = Turret(self.head, lambda: self.desired, lambda: self.permitted, clock, self.dark.append)

    async def after(self, seconds: float) -> Pose:
        """Let time pass and the turret look."""
        self.clock.move(seconds)
        await self.turret.look()
        pose = await self.head.pose()
        assert pose is not None
        return pose


@pytest.fixture
async def rig():
    made: list[Rig] = []

    def make(**desired: Any) -> Rig:
        made.append(Rig(MovedClock(), **desired))
        return made[-1]

    yield make
    for one in made:
        await one.turret.close()


async def test_a_move_stops_by_itself_at_its_timeout():
    rig = Rig(AgentClock())
    await rig.turret.move({**MOVE, "timeout_ms": 60})
    assert rig.head.calls == ["move"]
    await until(lambda: rig.head.calls == ["move", "stop"], 2)
    assert rig.turret.moves_until is None
    assert 1 < (await rig.head.pose()).pan_deg < 10, "half speed for 60 ms, and no longer"


async def test_a_camera_that_ignores_its_own_timeout_is_stopped_all_the_same():
    rig = Rig(AgentClock())
    rig.head.move = lambda pan, tilt, zoom, timeout_s: SimulatedPtz.move(rig.head, pan, tilt, zoom, 99)
    await rig.turret.move({**MOVE, "timeout_ms": 50})
    await until(lambda: "stop" in rig.head.calls, 2)


async def test_a_camera_that_does_not_answer_is_stopped_too(monkeypatch):
    monkeypatch.setattr("agent.turret.CALL_S", 0.05)
    rig = Rig(AgentClock())
    rig.head.move = lambda *_: asyncio.Event().wait()
    with pytest.raises(Cannot) as why:
        await rig.turret.move({**MOVE, "timeout_ms": 20})
    assert (why.value.code, why.value.status) == ("camera-fault", "failed")
    await until(lambda: "stop" in rig.head.calls, 2)


async def test_a_newer_move_replaces_the_older_and_its_end(rig):
    one = rig()
    await one.turret.move({**MOVE, "timeout_ms": 500})
    one.clock.move(0.4)
    await one.turret.move({**MOVE, "pan": -0.5, "timeout_ms": 2000})
    assert one.turret.moves_until == one.clock.monotonic() + 2
    assert (await one.after(1.0)).pan_deg == pytest.approx(12 - 30)


async def test_a_stop_overtakes_a_move_that_waits_for_the_camera(rig):
    one = rig()
    await one.turret._lock.acquire()
    moving = asyncio.create_task(one.turret.move(MOVE))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(one.turret.stop())
    await asyncio.sleep(0)
    one.turret._lock.release()
    with pytest.raises(Cannot, match="stopped"):
        await moving
    await stopping
    assert one.head.calls == ["stop"]


@pytest.mark.parametrize(
    "change",
    [
        {"pan": 1.01}, {"pan": -1.1}, {"pan": "1"}, {"pan": True}, {"pan": None}, {"tilt": float("nan")},
        {"zoom": 2}, {"timeout_ms": 2001}, {"timeout_ms": 0}, {"timeout_ms": None}, {"timeout_ms": True},
    ],
)  # fmt: skip
async def test_moves_outside_the_contract_move_nothing(rig, change):
    one = rig()
    with pytest.raises(Cannot, match="bad-args"):
        await one.turret.move({**MOVE, **change})
    assert one.head.calls == []


async def test_without_a_camera_or_a_permit_nothing_moves(rig):
    one = rig()
    one.permitted = False
    for call in (
        one.turret.move(MOVE), one.turret.preset({"n": 1}),
        one.turret.slew({"az_deg": 1, "tilt_deg": 0, "hfov_deg": 9}),
    ):  # fmt: skip
        with pytest.raises(Cannot, match="not-deployed"):
            await call
    one.turret.port = None
    with pytest.raises(Cannot, match="unsupported"):
        await one.turret.move(MOVE)
    await one.turret.stop()
    assert one.head.calls == []


async def test_a_lost_link_stops_what_moves_and_disturbs_nothing_else(rig):
    one = rig()
    await one.turret.lost()
    assert one.head.calls == []
    await one.turret.move(MOVE)
    await one.turret.lost()
    assert one.head.calls == ["move", "stop"]


async def test_slew_turns_an_azimuth_into_a_pan(rig):
    one = rig(heading_deg=35.0)
    await one.turret.slew({"az_deg": 55.43, "tilt_deg": -1.61, "hfov_deg": 9})
    pose = await one.after(5)
    assert (round(pose.pan_deg, 2), round(pose.tilt_deg, 2), pose.hfov_deg) == (20.43, -1.61, 9)


@pytest.mark.parametrize("args", [{}, {"az_deg": "55", "tilt_deg": 0}, {"az_deg": 55, "tilt_deg": 91}])
async def test_a_slew_without_a_direction_goes_nowhere(rig, args):
    one = rig()
    with pytest.raises(Cannot, match="bad-args"):
        await one.turret.slew(args)
    assert one.head.calls == []


async def test_presets_are_the_desired_states_or_the_cameras_own(rig):
    one = rig()
    await one.turret.preset({"n": 2})
    assert (await one.after(5)).pan_deg == 90
    one.desired = Desired(presets={1: (10.0, -3.0, 30.0), 7: None}, heading_deg=350.0)
    await one.turret.preset({"n": 1})
    assert (await one.after(5)) == Pose(20.0, -3.0, 30.0)
    await one.turret.preset({"n": 7})
    assert (await one.after(9)).pan_deg == pytest.approx(-45)
    for args, code in (({"n": 3}, "unknown-preset"), ({"n": "1"}, "bad-args"), ({}, "bad-args")):
        with pytest.raises(Cannot, match=code):
            await one.turret.preset(args)


# --- forbidden sectors ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("azimuth", "code"), [(90, "forbidden-sector"), (50, "forbidden-sector"), (30, None)]
)
async def test_a_direction_inside_a_sector_is_refused(rig, azimuth, code):
    one = rig(forbidden_sectors=EAST)
    call = one.turret.slew({"az_deg": azimuth, "tilt_deg": 0, "hfov_deg": 20})
    if code is None:
        await call
        return
    with pytest.raises(Cannot, match=code):
        await call
    one.desired = Desired(forbidden_sectors=EAST, presets={1: (float(azimuth), 0.0, 20.0)})
    with pytest.raises(Cannot, match=code):
        await one.turret.preset({"n": 1})
    assert one.head.calls == []


async def test_the_heading_turns_the_sectors(rig):
    one = rig(forbidden_sectors=EAST, heading_deg=90.0)
    with pytest.raises(Cannot, match="forbidden-sector"):
        await one.turret.move({**MOVE, "pan": 0.0, "tilt": 0.5})
    assert one.dark == [True], "it looks east already"


async def test_a_move_is_stopped_and_the_picture_dark_where_the_view_touches_one(rig):
    one = rig(forbidden_sectors=EAST)
    await one.turret.move(MOVE)
    pose = await one.after(1.0)
    assert not one.turret.masked and pose.pan_deg == pytest.approx(30)
    await one.after(0.6)
    assert one.turret.masked and one.dark[-1] and one.head.calls[-1] == "stop"
    pose = await one.after(5)
    assert pose.pan_deg == pytest.approx(48), "half the view and 5° before the edge"


async def test_inside_only_the_shorter_way_out_is_open(rig):
    one = rig(forbidden_sectors=EAST)
    one.head._pose = Pose(70.0, 0.0, 20.0)
    for speeds in ({"pan": 0.5}, {"pan": 0.0, "tilt": 1.0}, {"pan": 0.0, "zoom": -1.0}):
        with pytest.raises(Cannot, match="forbidden-sector"):
            await one.turret.move({**MOVE, **speeds})
    await one.turret.move({**MOVE, "pan": -0.5})
    await one.after(0.5)
    assert one.turret.masked and one.turret.moves_until is not None, "still inside, and on its way out"
    await one.after(1.0)
    assert not one.turret.masked and one.dark[-1] is False


async def test_a_wider_view_reaches_a_sector_too(rig):
    one = rig(forbidden_sectors=EAST)
    one.head._pose = Pose(30.0, 0.0, 20.0)
    await one.turret.look()
    assert not one.turret.masked
    one.head._pose = Pose(30.0, 0.0, 60.0)
    await one.turret.look()
    assert one.turret.masked


async def test_a_camera_that_cannot_say_where_it_looks_shows_nothing(rig):
    one = rig(forbidden_sectors=EAST)

    async def unknown() -> None:
        return None

    one.head.pose = unknown
    await one.turret.look()
    assert one.dark == [True]
    with pytest.raises(Cannot, match="forbidden-sector"):
        await one.turret.move(MOVE)
    one.desired = Desired()
    await one.turret.look()
    assert one.dark[-1] is False, "without a sector there is nothing to hide"


async def test_going_home_stops_first(rig):
    one = rig()
    await one.turret.move(MOVE)
    await one.turret.home()
    assert one.head.calls == ["move", "stop", "home"]
