"""Several trailers in one process, for demonstrations and tests.

``python -m agent.simulator --seed-file seed.json --console URL --control-port N [--quiet]``. The trailers
are real agents: they sign, buffer, keep their channel and publish video like any other; only what they
sense is invented. The control port listens on loopback: ``POST /simulate {"trailer","kind","rounds"?}`` and
``GET /healthz``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from agent import control, media, plates, selftest, sounds, weather
from agent.buffer import Buffered
from agent.client import Answer
from agent.config import Config
from agent.fence import Fix
from agent.identity import console_keys
from agent.incidents import Director, destination
from agent.permit import MODULE, SensorsOff
from agent.ports import Spoken
from agent.simptz import SimulatedPtz
from agent.streams import preload
from agent.telemetry import Reads
from agent.trailer import TrailerAgent

log = logging.getLogger("agent.simulator")

SEED = 20260427
#: At which the demonstration's trailers are enrolled.
RATE_HZ = 16_000
#: How often and how long apart a plate is tried while the trailer fetches its list.
LIST_TRIES, LIST_TRY_S = 30, 0.2
PRESET_S = 6.0


class SilentSpeaker:
    """A loudspeaker that nobody hears: a message takes as long as it would take to say it."""

    async def play(self, spoken: Spoken) -> None:
        """See ``ports.Speaker``; some 15 letters a second."""
        await asyncio.sleep(min(15.0, len(spoken.text) / 15) if spoken.text else PRESET_S)

    async def silence(self) -> None:
        """See ``ports.Speaker``."""


class SimulatedTrailer(TrailerAgent):
    """A real agent whose place is invented: where it was seeded, is being set up, or is deployed."""

    def __init__(self, config: Config, index: int) -> None:
        self._random = random.Random(SEED + index)
        self._place = (config.lat or 0.0, config.lon or 0.0)
        config.fix = self.receive
        config.time_source = lambda: {"source": "ntp", "error_ms": 40}
        config.ptz = SimulatedPtz(config.clock)
        config.speaker = SilentSpeaker()
        config.power = self._measured(weather.power)
        config.site = self._measured(weather.site)
        config.health = self._measured(weather.health)
        config.battery_soc_pct = lambda: config.power()["battery_soc_pct"]
        self._index = index
        super().__init__(config)

    def _measured(self, of: Callable[[int, datetime, float, float], dict[str, Any]]) -> Reads:
        """What an invented adapter says at this moment and place."""
        return lambda: of(self._index, self.clock.now(), *self._place)

    def receive(self) -> Fix:
        """A steady receiver: every fix within 4 m of the place, as a good one in the open has it."""
        pick = self._random
        self._place = self.desired.point or self._place
        lat, lon = destination(*self._place, pick.uniform(0, 360), pick.uniform(0, 4))
        return Fix(lat, lon, satellites=pick.randrange(8, 14), accuracy_m=pick.randrange(2, 5))

    def arrive(self, args: Mapping[str, Any]) -> None:
        """Somebody towed it to where it is asked to test itself."""
        self._place = selftest.point_of(args) or self._place
        self.config.lat, self.config.lon = self._place
        super().arrive(args)


class Simulator:
    """The simulated trailers of one seed file, and the director that makes things happen to them."""

    def __init__(
        self, seed: dict[str, Any], console_url: str, state_dir: Path, authority: str, base: Path
    ) -> None:
        keys = console_keys(seed["console_keys"])
        self.agents: dict[str, TrailerAgent] = {}
        self.port = 0
        self._sensed = 0
        for row in seed["trailers"]:
            if row["simulated"]:
                self.agents[row["trailer"]] = SimulatedTrailer(
                    Config(
                        trailer=row["trailer"], keyid=row["keyid"],
                        private_key_file=base / row["private_key_file"], console_url=console_url,
                        console_keys=keys, state_dir=state_dir / row["trailer"], authority=authority,
                        label=row.get("label") or row["trailer"], lat=row["lat"], lon=row["lon"],
                    ),
                    index=len(self.agents),
                )  # fmt: skip
        # The story is told by those that are deployed from the start.
        self.told_by = sum(bool(row.get("deployment", True)) for row in seed["trailers"] if row["simulated"])
        hotlist = seed.get("hotlist") or {"samples": []}
        self.director = Director(SEED, list(hotlist["samples"]))

    async def run(self, port: int, quiet: bool) -> None:
        """Run every trailer, the control port and, unless quiet, the incidents, until cancelled."""
        server = await control.serve(port, self.handle)
        self.port = server.sockets[0].getsockname()[1]
        log.info("%s simulated trailer(s), control port %s", len(self.agents), self.port)
        tasks = [asyncio.create_task(preload())]
        tasks += [asyncio.create_task(self._run_one(agent)) for agent in self.agents.values()]
        if not quiet and self.agents:
            tasks.append(asyncio.create_task(self._stage()))
        try:
            await asyncio.gather(*tasks)
            await asyncio.Event().wait()
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_one(self, agent: TrailerAgent) -> None:
        """One trailer's end (a revoked key) is not the end of the others."""
        await agent.run()
        log.warning("%s has ended: %s", agent.config.trailer, agent.halted)

    async def _stage(self) -> None:
        """Let the planned incidents happen; one that falls on a trailer without a deployment is skipped."""
        agents = list(self.agents.values())
        await self._any_sensing(agents)
        for planned in self.director.plan(self.told_by or len(agents)):
            await asyncio.sleep(planned.after_s)
            able = [
                agent
                for agent in agents[planned.trailer :] + agents[: planned.trailer]
                if agent.sensing(planned.kind)
            ]
            if able:
                self._happen(able[0], planned.kind, None)

    async def _any_sensing(self, agents: list[TrailerAgent]) -> None:
        """Wait for the first deployment: the story begins when somebody can read it."""
        while not any(agent.sensing("gunshot") and agent.connected for agent in agents):
            await asyncio.sleep(0.5)

    def _happen(self, agent: TrailerAgent, kind: str, rounds: int | None) -> Buffered | None:
        """Let something happen, with its sound or picture; None: a plate that stands on no entry."""
        self._sensed += 1
        if kind == "alpr_hit":
            read = self.director.plate_read()
            picture = plates.crop(SEED + self._sensed, self.director.seen(read))
            return agent.read_plate(read, media.crop(picture, plates.WIDTH, plates.HEIGHT))
        block = self.director.gunshot(agent.config.lat or 0.0, agent.config.lon or 0.0, rounds)
        sound = sounds.shots(SEED + self._sensed, block["rounds"], block.get("span_ms", 0))
        return agent.report(kind, block, media.clip(sound, RATE_HZ))

    async def handle(self, method: str, path: str, body: bytes) -> control.Reply:
        """Answer one control request."""
        if (method, path) == ("GET", "/healthz"):
            return 200, {
                "trailers": [
                    {"trailer": name, "connected": agent.connected} for name, agent in self.agents.items()
                ]
            }
        if (method, path) == ("POST", "/simulate"):
            return await self._simulate(body)
        return 404, {"code": "not-found"}

    async def _simulate(self, body: bytes) -> control.Reply:
        """Raise one alert now and answer with what the console said."""
        try:
            trailer, kind, rounds = read_wish(body)
        except (ValueError, KeyError):
            return 400, {"code": "bad-request"}
        agent = self.agents.get(trailer)
        if agent is None:
            return 404, {"code": "unknown-trailer"}
        try:
            entry = await self._seen(agent, kind, rounds)
        except SensorsOff as off:
            return 502, {"code": str(off)}
        if entry is None:
            return 502, {"code": "no-hotlist"}
        return read_reply(entry.id, await agent.answer_to(entry))

    async def _seen(self, agent: TrailerAgent, kind: str, rounds: int | None) -> Buffered | None:
        """Raise it. A plate waits for the list that is on its way; one that was misread is read again."""
        for _try in range(LIST_TRIES):
            if kind != "alpr_hit" or self.director.samples:
                entry = self._happen(agent, kind, rounds)
                if entry is not None or kind != "alpr_hit":
                    return entry
                agent.keeper.wake()
            await asyncio.sleep(LIST_TRY_S)
        return None


def read_wish(body: bytes) -> tuple[str, str, int | None]:
    """Return trailer, kind and rounds (1-100 or None); raises ``ValueError`` or ``KeyError``."""
    asked = json.loads(body)
    if not isinstance(asked, dict):
        raise ValueError("not an object")
    trailer, kind, rounds = asked["trailer"], asked["kind"], asked.get("rounds")
    if not isinstance(trailer, str) or not isinstance(kind, str) or kind not in MODULE:
        raise ValueError("no such trailer or kind")
    whole = isinstance(rounds, int) and not isinstance(rounds, bool)
    if rounds is not None and not (whole and 1 <= rounds <= 100):
        raise ValueError("rounds from 1 to 100")
    return trailer, kind, rounds


def read_reply(alert_id: str, answer: Answer) -> control.Reply:
    """Return the control answer for the console's: accepted 202, refused 502 with the code, still waiting
    504."""
    if answer.ok:
        return 202, {"id": alert_id}
    if answer.status == 0:
        return 504, {"code": "unavailable", "id": alert_id}
    return 502, {"code": answer.code or "refused", "status": answer.status}


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m agent.simulator", description="Simulated trailers.")
    top.add_argument("--seed-file", type=Path, required=True)
    top.add_argument("--console", required=True, help="the console's URL")
    top.add_argument("--control-port", type=int, required=True)
    top.add_argument("--quiet", action="store_true", help="connected, alerts only on request")
    top.add_argument("--state", type=Path, help="default: `simulator` beside the seed file")
    top.add_argument(
        "--authority", default="", help="public host[:port] of the console, if it is not the URL's"
    )
    return top


async def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    base = arguments.seed_file.resolve().parent
    seed = json.loads(arguments.seed_file.read_text("utf-8"))
    state = arguments.state or base / "simulator"
    simulator = Simulator(seed, arguments.console, state, arguments.authority, base)
    task = asyncio.ensure_future(simulator.run(arguments.control_port, arguments.quiet))
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("simulator stopped")
    return 0


def main() -> int:
    """Run the command line."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    for noisy in ("httpx", "aioice", "aiortc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return asyncio.run(run(parser().parse_args()))


if __name__ == "__main__":
    sys.exit(main())
