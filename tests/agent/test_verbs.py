"""Every verb of the contract through the channel: each ack it can end in, at most once, and its dead man."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.commands import VERBS
from agent.ports import Pose
from agent.simptz import SimulatedPtz
from agent.trailer import TrailerAgent
from tests.agent.console import Console
from tests.agent.parts import GUNSHOT, Camera, pair, running, until
from tests.agent.test_speaker import Horn
from tests.agent.test_trailer import SOON
from trailers import commands as consoles

STREAM = {"lease_s": 60, "whip_url": "http://127.0.0.1:9/w", "token": "t"}
SAY = {"preset": "leave-now", "language": "en", "volume": 60, "repeat": 1}
MOVE = {"pan": 0.2, "tilt": 0, "zoom": 0, "timeout_ms": 100}


class Trailer:
    """A running trailer with all its hardware, and an alert of its own."""

    def __init__(self, console: Console, agent: TrailerAgent, alert: str) -> None:
        self.console, self.agent, self.alert = console, agent, alert
        self.head: SimulatedPtz = agent.config.ptz
        self.horn: Horn = agent.config.speaker

    async def tell(
        self, name: str, args: dict[str, Any] | None = None, **changes: Any
    ) -> tuple[str, str | None]:
        """Send a command; returns the last ack's status and code."""
        alert = changes.pop("alert", self.alert)
        message = self.console.command(name, alert, args=args or {}, **changes)
        last = (await self.console.tell(message))[-1]
        return last["status"], last.get("code")


@contextlib.asynccontextmanager
async def trailer(tmp_path: Path, **modules: bool) -> AsyncIterator[Trailer]:
    console, make = pair(tmp_path)
    console.deploy(datetime.now(UTC) + SOON)
    console.desired["modules"] |= {"speaker": True, **modules}
    await console.up()
    agent = make()
    agent.config.ptz = agent.turret.port = SimulatedPtz(agent.clock)
    agent.config.speaker = agent.loudspeaker.port = Horn()
    async with running(agent):
        await until(lambda: agent.connected and agent.sensing("gunshot"))
        alert, _ = await agent.report_and_wait("gunshot", GUNSHOT)
        yield Trailer(console, agent, alert)
    await console.down()


def test_agent_and_console_know_the_same_verbs():
    assert VERBS == consoles.VERBS


async def test_every_verb_ends_in_done(tmp_path):
    args: dict[str, Any] = {
        "ptz.move": MOVE, "ptz.preset": {"n": 1}, "stream.start": STREAM, "stream.renew": {"lease_s": 60},
        "ptz.slew": {"az_deg": 55.4, "tilt_deg": -1.6, "hfov_deg": 9}, "speaker.play": SAY,
        "module.off": {"module": "acoustic"}, "self.test": {"deployment": "DEP-2026-0042"},
        "deactivate": {"wipe": True},
    }  # fmt: skip
    order = [
        "ping", "ptz.move", "ptz.stop", "ptz.preset", "ptz.slew", "stream.start", "stream.renew",
        "stream.stop", "speaker.play", "speaker.stop", "module.off", "deactivate", "self.test",
    ]  # fmt: skip
    assert set(order) == VERBS
    async with trailer(tmp_path) as one:
        one.console.desired_script = [(503, None)] * 50
        for name in order:
            assert await one.tell(name, args.get(name)) == ("done", None), name
        assert one.head.calls[:4] == ["move", "stop", "aim", "aim"] and len(one.horn.said) == 1


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("ptz.move", {"pan": 2, "timeout_ms": 100}, "bad-args"), ("ptz.preset", {}, "bad-args"),
        ("ptz.slew", {}, "bad-args"), ("stream.start", {}, "bad-args"), ("stream.renew", {}, "not-streaming"),
        ("speaker.play", {}, "bad-args"), ("module.off", {}, "bad-args"),
        ("module.off", {"module": "microphone"}, "bad-args"), ("format.disk", {}, "unsupported"),
    ],
)  # fmt: skip
async def test_arguments_outside_the_contract_are_refused(tmp_path, name, args, code):
    async with trailer(tmp_path) as one:
        assert await one.tell(name, args) == ("refused", code)
        assert one.head.calls == [] and one.horn.said == [] and Camera.made == []


async def test_no_verb_runs_late_or_twice_also_after_a_restart(tmp_path):
    async with trailer(tmp_path) as one:
        for name in sorted(VERBS):
            assert await one.tell(name, ttl_s=-1) == ("expired", None)
        message = one.console.command("ptz.move", one.alert, args=MOVE)
        await one.console.tell(message)
        assert [ack["status"] for ack in await one.console.tell(message)] == ["done"]
        assert one.head.calls.count("move") == 1
        older = one.console.command("ptz.move", one.alert, args=MOVE, seq=1)
        assert (await one.console.tell(older))[-1]["code"] == "old-seq"
        console = one.console
    again = TrailerAgent(one.agent.config)
    await console.up()
    async with running(again):
        await until(lambda: again.connected)
        assert [ack["status"] for ack in await console.tell(message)] == ["done"]
        assert (await console.tell(older))[-1]["code"] == "old-seq"
        assert one.head.calls.count("move") == 1
    await console.down()


async def test_a_failing_camera_is_a_failure_not_a_refusal(tmp_path):
    async def broken(*_: Any) -> None:
        raise OSError

    async with trailer(tmp_path) as one:
        one.head.move = one.head.stop = broken
        assert await one.tell("ptz.move", MOVE) == ("failed", "camera-fault")
        assert await one.tell("ptz.stop") == ("failed", "camera-fault")
        one.horn.broken = True
        assert await one.tell("speaker.play", SAY) == ("failed", "speaker-fault")


async def test_a_trailer_without_the_hardware_says_so(tmp_path):
    async with trailer(tmp_path) as one:
        one.agent.turret.port = one.agent.loudspeaker.port = None
        for name, args in (("ptz.move", MOVE), ("ptz.preset", {"n": 1}), ("speaker.play", SAY)):
            assert await one.tell(name, args) == ("refused", "unsupported")
        assert await one.tell("ptz.stop") == ("done", None) == await one.tell("speaker.stop")


async def test_a_stop_ends_a_message_that_is_being_said(tmp_path):
    async with trailer(tmp_path) as one:
        one.horn.hold = True
        message = one.console.command("speaker.play", None, args=SAY)
        telling = asyncio.create_task(one.console.tell(message))
        await until(lambda: one.horn.said)
        stop = one.console.command("speaker.stop")
        await one.console.socket.send(json.dumps(stop))
        acks = await telling
        assert (acks[-1]["status"], acks[-1]["code"]) == ("failed", "stopped") and one.horn.silenced == 1


async def test_a_module_that_was_switched_off_stays_off_until_a_newer_state(tmp_path):
    async with trailer(tmp_path) as one:
        await one.tell("stream.start", STREAM)
        assert await one.tell("module.off", {"module": "ptz"}) == ("done", None)
        assert not Camera.made[0].active and not one.agent.may_watch() and one.agent.sensing("gunshot")
        assert await one.tell("stream.start", STREAM) == ("refused", "not-deployed")
        assert await one.tell("ptz.move", MOVE) == ("refused", "not-deployed")
        assert await one.tell("module.off", {"module": "speaker"}) == ("done", None)
        assert await one.tell("speaker.play", SAY) == ("refused", "not-deployed")
    again = TrailerAgent(one.agent.config)
    assert again.deployed() and not again.may_watch(), "a restart does not switch it on"
    await one.console.up()
    one.console.desired["version"] = 2
    await again.fetch_desired()
    assert again.may_watch()
    await again.client.close()
    await one.console.down()


async def test_a_lost_link_stops_the_camera_and_the_end_of_the_watching_sends_it_home(tmp_path):
    async with trailer(tmp_path) as one:
        await one.tell("stream.start", STREAM)
        await one.tell("ptz.move", {**MOVE, "timeout_ms": 2000})
        began = one.head.clock.monotonic()
        await one.console.down()
        await until(lambda: one.head.calls[-1] == "stop")
        assert one.head.clock.monotonic() - began < 1.5
        await one.console.up()
        await until(lambda: one.agent.connected)
        await one.tell("stream.stop")
        await until(lambda: one.head.calls[-1] == "home", 2)


async def test_the_first_picture_is_dark_when_the_camera_looks_where_it_may_not(tmp_path):
    async with trailer(tmp_path) as one:
        one.console.desired |= {"version": 2, "forbidden_sectors": [{"from_deg": 60, "to_deg": 120}]}
        await one.agent.fetch_desired()
        one.head._pose = Pose(90.0, 0.0, 20.0)
        await one.tell("stream.start", STREAM)
        assert Camera.made[0].masks[0] is True
        one.head._pose = Pose(0.0, 0.0, 20.0)
        await until(lambda: Camera.made[0].masks[-1] is False, 2)
        slew = {"az_deg": 90, "tilt_deg": 0, "hfov_deg": 9}
        assert await one.tell("ptz.slew", slew) == ("refused", "forbidden-sector")
