"""What a trailer says of its modules, how it stops, and that it stops by itself when it was moved."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent import fence as fences
from agent.clock import AgentClock, Floor, wire
from agent.desired import Desired, read
from agent.fence import Fence, Fix
from agent.permit import SensorsOff
from agent.trailer import TrailerAgent
from tests.agent.console import Console, problem
from tests.agent.parts import GUNSHOT, Camera, MovedClock, pair, running, until
from tests.agent.test_trailer import SOON, deployed

POINT = {"lat": 43.69, "lon": -79.64}
OFF = {"acoustic": "off", "alpr": "off", "ptz": "off", "speaker": "off"}
DEPLOYED = {"acoustic": "on", "alpr": "on", "ptz": "on", "speaker": "off"}
#: 30 m and 20 m north of the point.
OUTSIDE, INSIDE = Fix(43.69027, -79.64), Fix(43.69018, -79.64)


async def said(console: Console, kind: str, **wanted: Any) -> dict[str, Any]:
    """The next message of this kind with these members."""
    async with asyncio.timeout(3):
        while True:
            message = await console.inbox.get()
            if message["t"] == kind and wanted.items() <= message.items():
                return message


async def test_hello_says_which_modules_are_on_and_what_time_it_is(tmp_path):
    async with deployed(tmp_path) as (console, _):
        hello = await said(console, "hello")
        assert hello["modules"] in (OFF, DEPLOYED) and hello["at"].endswith("Z")
        assert (await said(console, "state", desired_version=1))["modules"] == DEPLOYED


async def test_an_end_is_confirmed_at_once_and_the_picture_is_gone_by_then(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        alert_id, _ = await agent.report_and_wait("gunshot", GUNSHOT)
        args = {"lease_s": 60, "whip_url": "http://127.0.0.1:9/w", "token": "t"}
        await console.tell(console.command("stream.start", alert_id, args=args))
        console.script = [problem("unavailable", 503, retry_after=30)] * 9
        agent.report("gunshot", GUNSHOT)
        console.undeploy(2)
        began = asyncio.get_running_loop().time()
        await console.socket.send('{"t":"desired-changed"}')
        confirmed = await said(console, "state", modules=OFF)
        assert asyncio.get_running_loop().time() - began < 2
        assert confirmed["desired_version"] == 2 and not Camera.made[0].active
        assert len(agent.buffer) == 0, "what may not be sent may not be kept"


async def test_the_end_of_the_term_is_told_by_the_trailers_own_clock(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        await said(console, "state", modules=DEPLOYED)
        agent.clock.offset = SOON
        await said(console, "state", modules=OFF)


@pytest.mark.parametrize("wipe", [True, False])
async def test_deactivate_switches_off_without_any_fetch(tmp_path, wipe):
    async with deployed(tmp_path) as (console, agent):
        console.desired_script = [(503, None)] * 50
        console.script = [problem("unavailable", 503, retry_after=30)] * 9
        agent.report("gunshot", GUNSHOT)
        acks = await console.tell(console.command("deactivate", args={"wipe": wipe}))
        assert acks[-1]["status"] == "done"
        assert agent.modules() == OFF and len(agent.buffer) == (0 if wipe else 1)
        assert agent.desired.version == 1, "no lower version is told than was told before"


async def test_a_late_deactivate_of_another_deployment_stops_nothing(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        args = {"wipe": True, "deployment": "DEP-2025-0009"}
        assert (await console.tell(console.command("deactivate", args=args)))[-1]["status"] == "done"
        assert agent.modules() == DEPLOYED
        args = {"wipe": True, "deployment": "DEP-2026-0001"}
        await console.tell(console.command("deactivate", args=args))
        assert agent.desired.deployment is None


async def idle(tmp_path) -> tuple[Console, TrailerAgent]:
    console, make = pair(tmp_path)
    console.undeploy(1)
    await console.up()
    return console, make()


async def test_a_self_test_needs_no_deployment_and_switches_nothing_on(tmp_path):
    console, agent = await idle(tmp_path)
    async with running(agent):
        await until(lambda: agent.connected)
        message = console.command("self.test", args={"deployment": "DEP-2026-0042"})
        assert (await console.tell(message))[-1]["status"] == "done"
        [alert] = console.alerts.values()
        assert (alert["deployment"], alert["gunshot"]["detector"]["model"]) == ("DEP-2026-0042", "self-test")
        assert agent.modules() == OFF and len(agent.buffer) == 0
        assert not agent.buffer.raised(alert["id"]), "a drill opens no camera"
    await console.down()


async def test_away_from_its_point_no_test_is_raised(tmp_path):
    console, agent = await idle(tmp_path)
    async with running(agent):
        await until(lambda: agent.connected)
        for point, code in (
            ({"lat": 43.7, "lon": -79.64}, "off-point"),
            (POINT, None),
            ({"lat": None}, None),
        ):
            args = {"deployment": "DEP-2026-0042", "point": point}
            acks = await console.tell(console.command("self.test", args=args))
            assert acks[-1].get("code") == code
    await console.down()


async def test_a_refused_or_unanswered_self_test_says_so_and_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.selftest.ANSWER_S", 0.3)
    console, agent = await idle(tmp_path)
    async with running(agent):
        await until(lambda: agent.connected)
        for answer, code in (
            (problem("not-deployed", 403), "not-deployed"),
            (problem("unavailable", 503, retry_after=30), "unavailable"),
        ):
            console.script = [answer]
            message = console.command("self.test", args={"deployment": "DEP-2026-0042"})
            ack = (await console.tell(message))[-1]
            assert (ack["status"], ack["code"]) == ("failed", code) and len(agent.buffer) == 0
    await console.down()


async def test_under_a_deployment_or_without_a_name_no_test_is_raised(tmp_path):
    async with deployed(tmp_path) as (console, _):
        for args, code in (({"deployment": "DEP-2026-0001"}, "deployed"), ({"deployment": 7}, "bad-args")):
            ack = (await console.tell(console.command("self.test", args=args)))[-1]
            assert (ack["status"], ack["code"]) == ("failed", code)
        assert console.alerts == {}


# --- H4: a trailer that was moved -----------------------------------------------------------------


def standing() -> Desired:
    return Desired(1, "DEP-2026-0001", datetime.now(UTC) + SOON, {}, point=(43.69, -79.64))


def test_three_fixes_in_a_row_outside_leave_the_point_and_one_inside_returns():
    fence, desired = Fence(), standing()
    for fix in (OUTSIDE, OUTSIDE, INSIDE, OUTSIDE, OUTSIDE):
        fence.take(fix, desired)
        assert not fence.left
    fence.take(OUTSIDE, desired)
    assert fence.left
    fence.take(INSIDE, desired)
    assert not fence.left


@pytest.mark.parametrize(("satellites", "counts"), [(None, True), (6, True), (5, False), (0, False)])
def test_a_weak_fix_neither_counts_nor_clears(satellites, counts):
    fence, desired = Fence(), standing()
    for _ in range(fences.LEFT_AFTER):
        fence.take(Fix(OUTSIDE.lat, OUTSIDE.lon, satellites), desired)
    assert fence.left is counts


def test_without_a_point_there_is_nothing_to_leave():
    fence = Fence()
    for _ in range(9):
        fence.take(OUTSIDE, Desired())
    assert not fence.left


async def test_a_moved_trailer_stops_by_itself_and_tells_every_fix(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.trailer.FIX_S", 0.05)
    async with deployed(tmp_path) as (console, agent):
        agent.config.fix = lambda: OUTSIDE
        told = await said(console, "state", modules=OFF)
        assert told["faults"] == ["off-point"] and told["position"] == {"lat": 43.69027, "lon": -79.64}
        assert not agent.sensing("gunshot") and not agent.may_watch()
        agent.config.fix = lambda: Fix(43.69, -79.64, 9, 2.5)
        back = await said(console, "state", modules=DEPLOYED)
        assert back["position"] == POINT | {"satellites": 9, "accuracy_m": 2.5}


# --- masks ----------------------------------------------------------------------------------------


def wanted(**changes: Any) -> dict[str, Any]:
    console = Console("TRL-0007", "TRL-0007:1", None)
    console.deploy(datetime.now(UTC) + timedelta(hours=1))
    return console.desired | changes


def test_masks_and_point_are_read_and_kept():
    body = wanted(forbidden_sectors=[{"from_deg": 350, "to_deg": 20.5}])
    desired = read(json.loads(json.dumps(body)))
    assert desired.forbidden_sectors == ((350.0, 20.5),) and desired.point == (43.69, -79.64)
    assert read(wanted(forbidden_sectors=None)).forbidden_sectors == ()


@pytest.mark.parametrize("bad", [[{}], [{"from_deg": 1}], [{"from_deg": "x", "to_deg": 2}], [7]])
def test_a_mask_that_cannot_be_read_is_no_state_to_sense_under_but_an_end_is_an_end(bad):
    with pytest.raises(ValueError):
        read(wanted(forbidden_sectors=bad))
    assert read(wanted(forbidden_sectors=bad, deployment=None)).deployment is None


# --- the end by its own clock ---------------------------------------------------------------------


async def test_without_a_link_the_end_is_the_end_also_after_a_restart(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        alert_id, _ = await agent.report_and_wait("gunshot", GUNSHOT)
        args = {"lease_s": 300, "whip_url": "http://127.0.0.1:9/w", "token": "t"}
        await console.tell(console.command("stream.start", alert_id, args=args))
        await console.down()
        await until(lambda: not agent.connected)
        assert agent.sensing("gunshot") and Camera.made[0].active
        agent.clock.offset = SOON
        assert not agent.sensing("gunshot") and not agent.sensing("alpr_hit")
        with pytest.raises(SensorsOff):
            agent.report("gunshot", GUNSHOT)
        await until(lambda: not Camera.made[0].active, 2)
        assert agent.modules() == OFF
    again = TrailerAgent(agent.config)
    assert again.desired.deployment == "DEP-2026-0001" and again.modules() == OFF
    again.store.close()


async def test_a_clock_that_fell_back_in_a_power_cut_switches_nothing_on(tmp_path):
    async with deployed(tmp_path) as (_, agent):
        agent.store.set_counter(agent.permit.reached, int((datetime.now(UTC) + 2 * SOON).timestamp()))
    agent.config.clock = AgentClock()
    again = TrailerAgent(agent.config)
    assert again.modules() == OFF, "it has been later than that before"
    again.clock.correct(wire(datetime.now(UTC) + timedelta(seconds=2)))
    assert again.sensing("gunshot"), "the console's word on the time counts more"
    again.store.close()


def test_the_floor_goes_on_while_the_clock_stands_in_the_past():
    clock = MovedClock()
    floor = Floor(clock, clock.at + timedelta(hours=5))
    clock.move(60)
    assert floor.now() == clock.at + timedelta(hours=5)
    clock.at -= timedelta(days=9999)
    clock.mono += 30
    assert floor.now() == clock.at + timedelta(days=9999, hours=5, seconds=30)
