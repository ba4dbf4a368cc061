"""One trailer's agent as a process of its own, so that it can be killed like one.

``python -m tests.agent.field SETUP``: a JSON object with ``trailer``, ``keyid``, ``private_key_file``,
``console_keys``, ``url``, ``authority``, ``state``, ``lat``, ``lon`` and ``ahead_s`` (its clock). It says
``ready`` when it is connected and may sense, or at once when ``offline``. On ``report N`` it raises N
gunshots, one after another during ten minutes from now, and answers with their ids.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.config import Config
from agent.identity import console_keys
from agent.trailer import TrailerAgent
from tests.agent.parts import GUNSHOT, Camera

AWAY_S = 600.0


def make(setup: dict[str, Any]) -> TrailerAgent:
    """The agent that a setup describes."""
    agent = TrailerAgent(
        Config(
            trailer=setup["trailer"], keyid=setup["keyid"], private_key_file=Path(setup["private_key_file"]),
            console_url=setup["url"], authority=setup["authority"], state_dir=Path(setup["state"]),
            console_keys=console_keys(setup["console_keys"]), publisher=Camera, lat=setup["lat"],
            lon=setup["lon"],
        )
    )  # fmt: skip
    agent.clock.offset = timedelta(seconds=setup["ahead_s"])
    return agent


def say(value: Any) -> None:
    """One line of JSON to whoever started this."""
    print(json.dumps(value), flush=True)


async def obey(agent: TrailerAgent) -> None:
    """Do what stdin asks, line by line."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        count, ids = int(line[1]), []
        for number in range(count):
            agent.clock.offset = timedelta(seconds=AWAY_S * number / count)
            ids.append(agent.report("gunshot", {**GUNSHOT, "rounds": 1 + number % 6}).id)
        say(ids)


async def main(setup: dict[str, Any]) -> None:
    """Run until killed."""
    agent = make(setup)
    running = asyncio.create_task(agent.run())
    while not (setup["offline"] or (agent.connected and agent.sensing("gunshot"))):
        await asyncio.sleep(0.02)
    say("ready")
    await asyncio.gather(running, obey(agent))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
