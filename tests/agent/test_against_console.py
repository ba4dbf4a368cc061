"""The agent and its simulator against the real console: what they send is what the console takes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from agent.config import Config
from agent.identity import console_keys
from agent.trailer import TrailerAgent
from tests.agent.parts import GUNSHOT, Camera, running, until
from tests.running import RunningConsole


def agent_of(console: RunningConsole, state_dir: Path) -> TrailerAgent:
    """The last deployed trailer for which nobody speaks."""
    seed = json.loads((console.data / "seed.json").read_text("utf-8"))
    row = [one for one in seed["trailers"] if not one["simulated"] and one["deployment"]][-1]
    return TrailerAgent(
        Config(
            trailer=row["trailer"], keyid=row["keyid"],
            private_key_file=console.data / row["private_key_file"], console_url=console.url,
            console_keys=console_keys(seed["console_keys"]), state_dir=state_dir, publisher=Camera,
            lat=row["lat"], lon=row["lon"],
        )
    )  # fmt: skip


async def test_a_trailer_connects_senses_reports_and_catches_up(
    console: RunningConsole, tmp_path: Path
) -> None:
    agent = agent_of(console, tmp_path)
    async with running(agent):
        await until(lambda: agent.connected and agent.sensing("gunshot"), 20)
        _, answer = await agent.report_and_wait("gunshot", GUNSHOT)
        assert (answer.status, answer.body["state"], answer.body["late"]) == (201, "unacknowledged", False)
        waiting = [agent.report("gunshot", GUNSHOT) for _ in range(3)]
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*[agent.sender.answer_for(entry.id) for entry in waiting])
        assert [(one.status, one.body["id"]) for one in answers] == [(201, entry.id) for entry in waiting]
        assert len(agent.buffer) == 0 and agent.faults == set() and Camera.made == []


async def test_a_clock_that_is_wrong_is_set_by_the_console(console: RunningConsole, tmp_path: Path) -> None:
    agent = agent_of(console, tmp_path)
    agent.clock.correct("2026-01-01T00:00:00Z")
    async with running(agent):
        await until(lambda: agent.connected and agent.sensing("gunshot"), 20)
        assert abs(agent.clock.offset.total_seconds()) < 5


@pytest.mark.parametrize("kind", ["gunshot", "alpr_hit"])
def test_every_simulated_incident_is_taken(console: RunningConsole, kind: str) -> None:
    control = console_control(console)
    # One of them stands in the depot: it has nothing to report under.
    names = [row["trailer"] for row in console.info["trailers"] if row["simulated"] and row["deployment"]]
    assert names
    for _ in range(3):
        for name in names:
            wish = {"trailer": name, "kind": kind}
            answer = httpx.post(f"{control}/simulate", json=wish, trust_env=False, timeout=15)
            assert answer.status_code == 202, answer.text


def console_control(console: RunningConsole) -> str:
    """The simulator's loopback address, from its own log."""
    log = (console.data / "logs" / "simulator.log").read_text(errors="replace")
    return f"http://127.0.0.1:{int(log.rsplit('control port ', 1)[1].split()[0])}"
