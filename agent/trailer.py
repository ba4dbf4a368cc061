"""One trailer: its permit, sensors, buffer, sender, channel, camera and loudspeaker, tied together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any

from agent import disk
from agent.adapters.receiver import Receiver
from agent.buffer import Buffer, Buffered
from agent.channel import Channel, Hooks
from agent.client import Answer, Client
from agent.commands import Gate
from agent.config import Config, authority_of
from agent.desired import MODULES, Desired
from agent.hotlist import PlateList
from agent.keyturn import KeyTurn
from agent.listkeeper import ListKeeper
from agent.media import Media
from agent.permit import Permit
from agent.ports import Cannot, Kept, PlateRead
from agent.position import Position
from agent.reporter import Reporter
from agent.selftest import SelfTest
from agent.sender import Orders, Sender
from agent.signing import Signer, load_private_key
from agent.speaker import Loudspeaker
from agent.store import Store
from agent.streams import DeadMan, Streams
from agent.telemetry import Figures, Gauge, Points
from agent.turret import Turret
from agent.verbs import Verbs

log = logging.getLogger("agent.trailer")

POLL_S = 60.0
WATCH_S = 0.5
FIX_S = 10.0
KEEP_TIME_S = 60.0


class TrailerAgent:
    """A running trailer. Sensors are on only under a deployment whose end is ahead by the agent's own
    clock."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = config.clock
        self.faults: set[str] = set()
        store = self.store = Store(config.state_dir)
        self.buffer = Buffer(store, config.state_dir, config.trailer)
        self.permit = permit = Permit(config.trailer, store, config.state_dir, self.clock)
        self.position = Position(config, permit)
        signer = Signer(
            load_private_key(config.private_key_file),
            config.keyid,
            config.authority or authority_of(config.console_url),
        )
        self.client = Client(config.console_url, signer, self.clock)
        self.plates = PlateList(config.state_dir, config.trailer, config.console_keys)
        self.keeper = ListKeeper(
            self.plates, self.client, lambda: permit.on("alpr"), self.faults.add, self._list_refused
        )
        orders = Orders(self.stop_sensing, self.faults.add, self._accepted, self.keeper.wake)
        self.sender = Sender(self.client, self.buffer, orders)
        self.reporter = Reporter(config, permit, self.position, self.plates, self.buffer, self.sender)
        self.receiver = (
            Receiver(config.readers.secrets, self.on_read, lambda: permit.sensing("alpr_hit"), self.clock)
            if config.readers
            else None
        )
        gauge = Gauge(config.power, config.site, config.health)
        points = Points(store, config.state_dir, config.trailer)
        self.figures = Figures(points, gauge, self.client, self.buffer, self.plates, orders)
        dead_man = DeadMan(self.clock)
        self.streams = Streams(config.publisher, dead_man, config.label or config.trailer)
        self.turret = Turret(config.ptz, lambda: self.desired, self.may_watch, self.clock, self.streams.mask)
        self.loudspeaker = Loudspeaker(
            config.speaker, lambda: permit.on("speaker"), dead_man, config.volume_ceiling_pct
        )
        self.self_test = SelfTest(
            permit, self.position, self.reporter, self.figures, self.arrive, self._say_state
        )
        gate = Gate(store, config.trailer, config.console_keys, self.buffer.raised, self.clock)
        self.channel = Channel(config.socket_url(), self.client, gate, dead_man, self._hooks())
        self.key_turn = (
            KeyTurn(config.state_dir, self.client, lambda: self.streams.live, self.channel.open_again)
            if config.renews_key
            else None
        )
        self._refetch = asyncio.Event()
        self._said: tuple[dict[str, str], int] | None = None
        self._expire()
        self.position.take()

    def _hooks(self) -> Hooks:
        verbs = Verbs(
            streams=self.streams,
            turret=self.turret,
            loudspeaker=self.loudspeaker,
            may_watch=self.may_watch,
            module_off=self._module_off,
            deactivate=self._deactivate,
            self_test=self.self_test.run,
        )
        return Hooks(
            status=self.status,
            run=verbs.run,
            desired_changed=self._refresh,
            hotlist_changed=self.keeper.wake,
            linked=self._linked,
            lost=self.turret.lost,
            refused=self._refused,
            welcomed=self._welcomed,
        )

    @property
    def connected(self) -> bool:
        """Tell whether the command channel is open."""
        return self.channel.connected

    @property
    def desired(self) -> Desired:
        """Return what the console wants, as far as it is known here."""
        return self.permit.desired

    @property
    def halted(self) -> str | None:
        """Return the code that ended this trailer's work, None while it goes on."""
        return self.permit.halted

    @halted.setter
    def halted(self, code: str | None) -> None:
        self.permit.halted = code

    def deployed(self) -> bool:
        """Tell whether a deployment holds now, at the place it was authorised for."""
        return self.permit.deployed()

    def sensing(self, kind: str) -> bool:
        """Tell whether the sensor behind this kind of alert is on."""
        return self.permit.sensing(kind)

    def may_watch(self) -> bool:
        """Tell whether the camera may send."""
        return self.permit.on("ptz")

    def modules(self) -> dict[str, str]:
        """Return module -> "on" or "off" as it is at this moment; a camera that still sends is on."""
        on = {module: self.permit.on(module) for module in MODULES}
        on["ptz"] = on["ptz"] or self.streams.live
        on["speaker"] = on["speaker"] or self.loudspeaker.live
        return {module: "on" if value else "off" for module, value in on.items()}

    def status(self) -> dict[str, Any]:
        """Return what the trailer says of itself besides the time; unknown is null."""
        fix = self.position.fix
        modules, version = self.modules(), self.desired.version
        self._said = modules, version
        faults = self.faults | ({"off-point"} if self.permit.fence.left else set())
        faults |= {"buffer-full"} if self.buffer.full else set()
        faults |= {"reader-port"} if self.receiver is not None and self.receiver.deaf else set()
        return {
            "position": fix and fix.wire(),
            "fix_at": self.position.at,
            "battery_soc_pct": self.config.battery_soc_pct(),
            "faults": sorted(faults)[:20],
            "modules": modules,
            "desired_version": version,
            "hotlist_version": self.plates.version,
        }

    async def run(self) -> None:
        """Run until cancelled, or until the console revoked the key; sensors and stream are off
        afterwards."""
        tasks = [asyncio.create_task(disk.kept_up(part, self.faults.add)) for part in self._parts()]
        try:
            while self.halted != "key-revoked" and not any(task.done() for task in tasks):
                await asyncio.wait(tasks, timeout=WATCH_S, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            await self._close(tasks)

    def _parts(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """Return what runs side by side."""
        receiver, readers = self.receiver, self.config.readers
        ports: list[object] = [self.config.ptz, self.config.speaker]
        return [
            self.channel.run, self.sender.run, self.sender.media.run, self._follow_desired,
            self._follow_position, self._watch, partial(self.turret.tend, lambda: self.streams.live),
            self.figures.run, self.keeper.run,
            *([self.key_turn.run] if self.key_turn else []),
            *([partial(receiver.run, readers)] if receiver and readers else []),
            *[port.run for port in ports if isinstance(port, Kept)],
        ]  # fmt: skip

    async def _close(self, tasks: list[asyncio.Task[None]]) -> None:
        await self.streams.stop("agent ends")
        with suppress(Cannot):
            await self.loudspeaker.stop()
        await self.turret.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client.close()
        self.store.close()

    def report(self, kind: str, block: dict[str, Any], media: Media | None = None) -> Buffered:
        """See ``Reporter.report``; raises ``SensorsOff``."""
        return self.reporter.report(kind, block, media)

    def read_plate(self, read: Mapping[str, Any], media: Media | None = None) -> Buffered | None:
        """See ``Reporter.read_plate``; None when it stands on no entry. Raises ``SensorsOff``."""
        return self.reporter.read_plate(read, media)

    async def on_read(self, read: PlateRead) -> None:
        """See ``Reporter.on_read``."""
        await self.reporter.on_read(read)

    async def report_and_wait(
        self, kind: str, block: dict[str, Any], media: Media | None = None, timeout_s: float = 8.0
    ) -> tuple[str, Answer]:
        """Report, and return the alert's id with the console's answer; status 0 means that it still waits."""
        entry = self.report(kind, block, media)
        return entry.id, await self.answer_to(entry, timeout_s)

    async def answer_to(self, entry: Buffered, timeout_s: float = 8.0) -> Answer:
        """Return the console's answer to a buffered alert; status 0 means that it still waits."""
        return await self.reporter.answer_to(entry, timeout_s)

    def arrive(self, args: Mapping[str, Any]) -> None:
        """Look where it stands, before a test."""
        self.position.take()

    def _list_refused(self, code: str) -> None:
        """The list was refused: what concerns the deployment or the key is asked for again."""
        if code in ("key-revoked", "wrong-trailer"):
            self.stop_sensing(code)
        self._refresh()

    async def _module_off(self, module: str) -> None:
        """One sensor off until a newer desired state says otherwise, also across a restart."""
        with self._told("a module's end"):
            self.permit.switch_off(module)
        await self._settle()
        self._refresh()

    async def _deactivate(self, args: Mapping[str, Any]) -> None:
        """Every sensor off, as the console commands; a command about another deployment is about the past."""
        named = args.get("deployment")
        if named is not None and self.desired.deployment not in (None, named):
            return
        self._forget_desired()
        if args.get("wipe"):
            self.sender.purge("not-deployed")
        await self._settle()
        self._refresh()

    def _forget_desired(self) -> None:
        """Sensors off from this moment, and no list without a right to it."""
        with self._told("the end"):
            self.permit.forget()
        with self._told("the end of the list"):
            self.plates.forget()

    def _told(self, what: str) -> AbstractContextManager[None]:
        """A disk that fails ends nothing here, and is told as a fault."""
        return disk.told(self.faults.add, what)

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

    def _welcomed(self, message: Mapping[str, Any]) -> None:
        """The console says how long the key is good that opened this channel."""
        if self.key_turn is not None:
            self.key_turn.learn(message.get("key"))

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
        answer = await self.client.get_desired(self.permit.etag)
        if answer.code in ("key-revoked", "wrong-trailer"):
            self.stop_sensing(answer.code)
        if answer.status != 200:
            return
        try:
            ends = self.permit.take(answer.body)
        except ValueError as error:
            log.error("desired state not understood: %s", error)
            return
        with self._told("the desired state"):
            self.permit.keep(answer.body, answer.etag)
        if ends:
            # What that deployment let it keep may no longer be sent, so it may no longer be kept.
            self.sender.purge("not-deployed")
            with self._told("the end of the list"):
                self.plates.forget()
        # Its list may be another one, or cut otherwise.
        self.keeper.wake()
        await self._settle()

    async def _settle(self) -> None:
        """End what may no longer be, and tell the console at once what changed.

        Together: the picture stops before the first wait, the gateway's farewell holds up no word.
        """
        await asyncio.gather(self.streams.tick(self.may_watch()), self._say_if_new(), self.loudspeaker.tick())

    async def _say_if_new(self) -> None:
        if self.connected and self._said != (self.modules(), self.desired.version):
            await self._say_state()

    async def _say_state(self) -> None:
        await self.channel.say("state")

    async def _follow_position(self) -> None:
        """Take a fix now and then; one outside is told at once, so that the console counts as fast."""
        while True:
            await asyncio.sleep(FIX_S)
            self.position.take()
            if self.permit.fence.outside:
                await self._say_state()

    async def _watch(self) -> None:
        """Follow the clock: what may no longer be on goes off, and the console hears of it."""
        kept = 0.0
        while True:
            await asyncio.sleep(WATCH_S)
            self.permit.note()
            if (now := self.clock.monotonic()) >= kept:
                kept = now + KEEP_TIME_S
                with self._told("the time"):
                    self.permit.keep_time()
                self._expire()
            with self._told("the end of the list"):
                self.keeper.tend()
            await self._settle()

    def _expire(self) -> None:
        """Nothing that was captured stays readable here for 48 h, with a link or without one."""
        with self._told("the deleting of what is old"):
            self.buffer.expire(self.permit.floor.now())
