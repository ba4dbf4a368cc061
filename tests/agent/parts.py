"""Stand-ins that the agent's tests share: a clock to move, a camera that remembers, an agent to run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import AgentClock
from agent.config import Config
from agent.signing import public_bytes
from agent.trailer import TrailerAgent
from tests.agent.console import Console

GUNSHOT = {"class": "gunshot", "confidence": 0.93, "rounds": 3}
HIT = {
    "plate": "CABC123", "jurisdiction": "CA-ON", "confidence": 0.94, "match": "exact",
    "hotlist": {"list_id": "mto-on", "version": 412, "entry_id": "e-88213"},
}  # fmt: skip


class MovedClock(AgentClock):
    """Stands still until moved."""

    def __init__(self) -> None:
        super().__init__()
        self.at = datetime(2026, 4, 27, 23, 14, 7, tzinfo=UTC)
        self.mono = 1000.0

    def now(self) -> datetime:
        return self.at + self.offset

    def monotonic(self) -> float:
        return self.mono

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)
        self.mono += seconds


class Camera:
    """A publisher that remembers; ``made`` counts every one that ever existed."""

    made: list[Camera] = []

    def __init__(self) -> None:
        Camera.made.append(self)
        self.started: list[tuple[str, str, str]] = []
        self.active = False
        self.stops = 0
        self.hang = False
        self.refuse = False
        self.masks: list[bool] = []

    async def start(self, whip_url: str, token: str, trailer_label: str) -> None:
        self.started.append((whip_url, token, trailer_label))
        if self.refuse:
            raise RuntimeError("refused")
        if self.hang:
            await asyncio.Event().wait()
        self.active = True

    async def stop(self) -> None:
        self.active = False
        self.stops += 1

    def mask(self, on: bool) -> None:
        self.masks.append(on)


def write_key(path: Path) -> Ed25519PrivateKey:
    """Make a device key file."""
    key = Ed25519PrivateKey.generate()
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return key


def pair(tmp_path: Path) -> tuple[Console, Callable[[], TrailerAgent]]:
    """Return a console and a maker of agents for it (each one like a restart: same state directory)."""
    key = write_key(tmp_path / "device.key")
    console = Console("TRL-0007", "TRL-0007:1", key.public_key())
    Camera.made = []

    def make() -> TrailerAgent:
        return TrailerAgent(
            Config(
                trailer="TRL-0007", keyid="TRL-0007:1", private_key_file=tmp_path / "device.key",
                console_url=console.url, channel_url=console.channel_url, state_dir=tmp_path / "state",
                console_keys={console.kid: public_bytes(console.key)}, label="Mill Lane",
                lat=43.69, lon=-79.64, publisher=Camera,
            )
        )  # fmt: skip

    return console, make


@contextlib.asynccontextmanager
async def running(agent: TrailerAgent) -> AsyncIterator[asyncio.Task[None]]:
    """Run an agent for the length of a block."""
    task = asyncio.create_task(agent.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], Any], timeout_s: float = 8.0) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)
