"""One trailer: sensors, buffer, sender, channel and stream, tied together."""

from __future__ import annotations

import asyncio
import importlib
import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent import selftest
from agent.buffer import Buffer, Buffered
from agent.channel import PATH, Channel, Hooks
from agent.client import Answer, Client
from agent.clock import AgentClock, wire
from agent.commands import Gate
from agent.desired import MODULES, Desired, DesiredFile, read
from agent.fence import Fence, Fix
from agent.sender import Orders, Sender
from agent.signing import Signer, load_private_key
from agent.store import Store
from agent.streams import DeadMan, Publishes, Streams

log = logging.getLogger("agent.trailer")

MODULE = {"gunshot": "acoustic", "alpr_hit": "alpr"}
POLL_S = 60.0
WATCH_S = 0.5
FIX_S = 10.0


def unknown() -> None:
    """Return null: what no sensor measures is unknown, never -1."""


async def preload() -> None:
    """Load the media libraries in a thread at the start, so that the first picture need not wait for them."""
    publisher = await asyncio.to_thread(importlib.import_module, "agent.publisher")
    await asyncio.to_thread(publisher.warm_up)


def make_publisher() -> Publishes:
    """Return the camera's publisher; imported late because the media libraries take a second to load."""
    from agent.publisher import Publisher

    return Publisher()


def authority_of(url: str) -> str:
    """Return the RFC 9421 ``@authority`` of a URL: lower case, without the scheme's own port."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return host.removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, "\n"))


@dataclass
class Config:
    """Everything a trailer must know; ``console_keys`` maps kid to 32 raw bytes, positions are WGS 84
    degrees."""

    trailer: str
    keyid: str
    private_key_file: Path
    console_url: str
    console_keys: Mapping[str, bytes]
    state_dir: Path
    authority: str = ""
    label: str = ""
    lat: float | None = None
    lon: float | None = None
    #: The receiver; without one the trailer stands at ``lat``, ``lon``.
    fix: Callable[[], Fix | None] = unknown
    channel_url: str = ""
    battery_soc_pct: Callable[[], float | None] = unknown
    publisher: Callable[[], Publishes] = make_publisher
    clock: AgentClock = field(default_factory=AgentClock)

    def socket_url(self) -> str:
        """Return the channel's URL: the console's own, unless one was given."""
        if self.channel_url:
            return self.channel_url
        return "ws" + self.console_url.rstrip("/").removeprefix("http") + PATH


class SensorsOff(Exception):
    """The trailer may not sense now; the text says why."""


class TrailerAgent:
    """A running trailer. Sensors are on only under a deployment whose end is ahead by the agent's own
    clock."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = config.clock
        self.faults: set[str] = set()
        self.halted: str | None = None
        store = Store(config.state_dir)
        self.store = store
        self.buffer = Buffer(store, config.state_dir, config.trailer)
        self._desired_file = DesiredFile(config.state_dir)
        self.desired, self._etag = self._desired_file.load()
        signer = Signer(
            load_private_key(config.private_key_file),
            config.keyid,
            config.authority or authority_of(config.console_url),
        )
        self.client = Client(config.console_url, signer, self.clock)
        orders = Orders(self.stop_sensing, self.faults.add, self._accepted, self._refresh)
        self.sender = Sender(self.client, self.buffer, orders)
        self.streams = Streams(config.publisher, DeadMan(self.clock), config.label or config.trailer)
        gate = Gate(store, config.trailer, config.console_keys, self.buffer.raised, self.clock)
        self.channel = Channel(config.socket_url(), self.client, gate, self.streams, self._hooks())
        self._refetch = asyncio.Event()
        self.fence = Fence()
        self._fix: tuple[Fix, str] | None = None
        self._said: tuple[dict[str, str], int] | None = None
        self.take_fix()

    def _hooks(self) -> Hooks:
        return Hooks(
            status=self.status,
            permitted=self.may_watch,
            desired_changed=self._refresh,
            hotlist_changed=lambda: None,
            linked=self._linked,
            refused=self._refused,
            deactivate=self._deactivate,
            self_test=self._self_test,
        )

    @property
    def connected(self) -> bool:
        """Tell whether the command channel is open."""
        return self.channel.connected

    def deployed(self) -> bool:
        """Tell whether a deployment holds now, at the place it was authorised for."""
        return self.halted is None and not self.fence.left and self.desired.deployed(self.clock.now())

    def sensing(self, kind: str) -> bool:
        """Tell whether the sensor behind this kind of alert is on."""
        return self._on(MODULE[kind])

    def may_watch(self) -> bool:
        """Tell whether the camera may send."""
        return self._on("ptz")

    def _on(self, module: str) -> bool:
        return self.deployed() and self.desired.sensing(module, self.clock.now())

    def modules(self) -> dict[str, str]:
        """Return module -> "on" or "off" as it is at this moment; a camera that still sends is on."""
        on = {module: self._on(module) for module in MODULES}
        on["ptz"] = on["ptz"] or self.streams.live
        return {module: "on" if value else "off" for module, value in on.items()}

    def take_fix(self) -> None:
        """Read the receiver and judge where the trailer stands."""
        config = self.config
        fix = config.fix()
        if fix is None and config.lat is not None and config.lon is not None:
            fix = Fix(config.lat, config.lon)
        if fix is not None:
            self._fix = fix, wire(self.clock.now())
            self.fence.take(fix, self.desired)

    def status(self) -> dict[str, Any]:
        """Return what the trailer says of itself besides the time; unknown is null."""
        fix, fix_at = self._fix or (None, None)
        modules, version = self.modules(), self.desired.version
        self._said = modules, version
        faults = self.faults | ({"off-point"} if self.fence.left else set())
        return {
            "position": fix and fix.wire(),
            "fix_at": fix_at,
            "battery_soc_pct": self.config.battery_soc_pct(),
            "faults": sorted(faults)[:20],
            "modules": modules,
            "desired_version": version,
        }

    async def run(self) -> None:
        """Run until cancelled, or until the console revoked the key; sensors and stream are off
        afterwards."""
        parts = (
            self.channel.run(), self.sender.run(), self._follow_desired(), self._follow_position(),
            self._watch(),
        )  # fmt: skip
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            while self.halted != "key-revoked" and not any(task.done() for task in tasks):
                await asyncio.wait(tasks, timeout=WATCH_S, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            await self._close(tasks)

    async def _close(self, tasks: list[asyncio.Task[None]]) -> None:
        await self.streams.stop("agent ends")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client.close()
        self.store.close()

    def report(self, kind: str, block: dict[str, Any]) -> Buffered:
        """Buffer one alert as it happens and let the sender have it; raises ``SensorsOff``.

        ``block`` is the contract's object of that kind. The alert is durable when this returns.
        """
        if not self.sensing(kind):
            raise SensorsOff(self.halted or "not-deployed")
        return self._raise(kind, block, self.desired.deployment or "")

    def _raise(self, kind: str, block: dict[str, Any], deployment: str, *, raised: bool = True) -> Buffered:
        now = self.clock.now()
        alert_id = str(uuid.uuid4())
        body = {
            "schema": "csrp.alert/1", "id": alert_id, "trailer": self.config.trailer, "kind": kind,
            "occurred_at": wire(now), "clock": {"source": "ntp", "error_ms": 40},
            "deployment": deployment, kind: block,
        }  # fmt: skip
        if self.config.lat is not None:
            body["position"] = {"lat": self.config.lat, "lon": self.config.lon, "accuracy_m": 4}
        entry = self.buffer.add(kind, alert_id, now, lambda seq: {**body, "seq": seq}, raised=raised)
        self.sender.wake()
        return entry

    async def report_and_wait(
        self, kind: str, block: dict[str, Any], timeout_s: float = 8.0
    ) -> tuple[str, Answer]:
        """Report, and return the alert's id with the console's answer; status 0 means that it still waits."""
        entry = self.report(kind, block)
        return entry.id, await self._answer(entry, timeout_s)

    async def _answer(self, entry: Buffered, timeout_s: float) -> Answer:
        try:
            async with asyncio.timeout(timeout_s):
                return await self.sender.answer_for(entry.id)
        except TimeoutError:
            return Answer(0)

    def arrive(self, args: Mapping[str, Any]) -> None:
        """Look where it stands, before a test."""
        self.take_fix()

    async def _self_test(self, args: Mapping[str, Any]) -> str | None:
        """Raise the test alert of an installation and wait for its answer; returns why it failed, or None.

        Under a deployment it would ring as a real one, so there it is not raised; nor away from the place it
        is about. One that the console did not take in time is forgotten: late, it would test nothing.
        """
        deployment = selftest.deployment_of(args)
        if deployment is None:
            return "bad-args"
        if self.halted is not None or self.desired.deployed(self.clock.now()):
            return self.halted or "deployed"
        self.arrive(args)
        await self.channel.say("state")
        if self._fix is not None and not selftest.at_point(args, self._fix[0]):
            return "off-point"
        entry = self._raise("gunshot", selftest.block(), deployment, raised=False)
        answer = await self._answer(entry, selftest.ANSWER_S)
        self.buffer.remove(entry.id)
        return None if answer.ok else answer.code or "unavailable"

    def _deactivate(self, args: Mapping[str, Any]) -> None:
        """Every sensor off, as the console commands; a command about another deployment is about the past."""
        named = args.get("deployment")
        if named is not None and self.desired.deployment not in (None, named):
            return
        self._forget_desired()
        if args.get("wipe"):
            self.sender.purge("not-deployed")
        self._refresh()

    def _forget_desired(self) -> None:
        """Sensors off from this moment; the version stays known, so that the console is told no lower one."""
        self._desired_file.forget()
        self.desired, self._etag = Desired(version=self.desired.version), None

    def stop_sensing(self, code: str) -> None:
        """Sensors off and buffer purged, as a 403 demands; only ``not-deployed`` can end by itself."""
        log.warning("%s: sensors off (%s)", self.config.trailer, code)
        self._forget_desired()
        self.sender.purge(code)
        if code != "not-deployed":
            self.halted = code
            self.channel.stopped = code == "key-revoked"
        self._refresh()

    def _refused(self, code: str) -> None:
        """The channel was refused: only what concerns the key stops the sensors."""
        if code in ("key-revoked", "wrong-trailer"):
            if code == "wrong-trailer":
                self.faults.add(code)
            self.stop_sensing(code)

    def _accepted(self) -> None:
        """An accepted alert proves that the device works: only a wrong identity remains a fault."""
        self.faults &= {"wrong-trailer"}

    def _linked(self) -> None:
        """The channel opened: whatever waited may go, and the desired state may have changed meanwhile."""
        self.sender.wake()
        self._refresh()

    def _refresh(self) -> None:
        self._refetch.set()

    async def _follow_desired(self) -> None:
        """Fetch the desired state at the start, when told that it changed, and every minute."""
        while True:
            self._refetch.clear()
            if self.halted is None:
                await self.fetch_desired()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._refetch.wait()
            # After a refusal the console may still be writing what it refused by: ask once a second at most.
            await asyncio.sleep(1.0 if self.desired.deployment is None else 0.0)

    async def fetch_desired(self) -> None:
        """Fetch and keep the desired state; a lost link or a bad answer changes nothing."""
        answer = await self.client.get_desired(self._etag)
        if answer.code in ("key-revoked", "wrong-trailer"):
            self.stop_sensing(answer.code)
        if answer.status != 200:
            return
        try:
            desired = read(answer.body)
        except ValueError as error:
            log.error("desired state not understood: %s", error)
            return
        self._desired_file.save(answer.body, answer.etag)
        if self.desired.deployment not in (None, desired.deployment):
            # What that deployment let it keep may no longer be sent, so it may no longer be kept.
            self.sender.purge("not-deployed")
        self.desired, self._etag = desired, answer.etag
        await self._settle()

    async def _settle(self) -> None:
        """End a stream that may no longer live, and tell the console at once what changed.

        Together: the picture stops before the first wait, the gateway's farewell holds up no word.
        """
        await asyncio.gather(self.streams.tick(self.may_watch()), self._say_if_new())

    async def _say_if_new(self) -> None:
        if self.connected and self._said != (self.modules(), self.desired.version):
            await self.channel.say("state")

    async def _follow_position(self) -> None:
        """Take a fix now and then; one outside is told at once, so that the console counts as fast."""
        while True:
            await asyncio.sleep(FIX_S)
            self.take_fix()
            if self.fence.outside:
                await self.channel.say("state")

    async def _watch(self) -> None:
        """Follow the clock: what may no longer be on goes off, and the console hears of it."""
        while True:
            await asyncio.sleep(WATCH_S)
            await self._settle()
