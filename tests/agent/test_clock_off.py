"""The agent's clock is a day off while its sensors are on: what becomes of the shot it hears then."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from agent.identity import console_keys
from agent.trailer import Config, TrailerAgent
from tests.agent.parts import GUNSHOT, Camera, running, until
from tests.contract.place import Place

DAY = timedelta(days=1)


def agent_of(place: Place, folder: Path) -> TrailerAgent:
    """The agent of the scene's trailer, in this process."""
    from trailers import consolekey

    scene, pem = place.scene, folder / "device.pem"
    pem.write_bytes(
        scene.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return TrailerAgent(
        Config(
            trailer=scene.trailer.name, keyid=scene.key.keyid, private_key_file=pem, console_url=place.url,
            authority=place.authority, console_keys=console_keys(consolekey.public_keys()),
            state_dir=folder / "state", publisher=Camera, lat=scene.deployment.lat, lon=scene.deployment.lon,
        )
    )  # fmt: skip


def kept(place: Place, alert: str) -> list[tuple[Any, ...]]:
    """Whether the console has the alert, and as what."""
    return place.sql("SELECT late, priority FROM alerts_alert WHERE id = %s", [alert])


async def test_a_day_behind_its_shot_is_late_and_the_next_is_loud(
    place: Place, tmp_path: Path, clock: Any
) -> None:
    agent = agent_of(place, tmp_path)
    async with running(agent):
        await until(lambda: agent.connected and agent.sensing("gunshot"), 20)
        clock.shift(DAY.total_seconds())
        alert, answer = await agent.report_and_wait("gunshot", GUNSHOT)
        assert (answer.status, kept(place, alert)) == (201, [(True, 3)])
        assert abs(agent.clock.offset - DAY) < timedelta(seconds=10), "the console's time is its time now"
        alert, answer = await agent.report_and_wait("gunshot", GUNSHOT)
        assert (answer.status, kept(place, alert)) == (201, [(False, 1)])


async def test_a_day_ahead_its_shot_is_refused_and_the_next_is_loud(place: Place, tmp_path: Path) -> None:
    """`occurred_at` stays as it was said, so the console cannot take it; a fault tells a person."""
    agent = agent_of(place, tmp_path)
    async with running(agent):
        await until(lambda: agent.connected and agent.sensing("gunshot"), 20)
        agent.clock.offset = DAY
        alert, answer = await agent.report_and_wait("gunshot", GUNSHOT)
        assert (answer.status, answer.code, kept(place, alert)) == (422, "schema", [])
        assert answer.body["errors"] == [{"pointer": "/occurred_at", "code": "future"}]
        assert "schema" in agent.faults and len(agent.buffer) == 0
        assert abs(agent.clock.offset) < timedelta(seconds=10)
        alert, answer = await agent.report_and_wait("gunshot", GUNSHOT)
        assert (answer.status, kept(place, alert)) == (201, [(False, 1)])
