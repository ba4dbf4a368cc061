"""The command channel: one WebSocket that the trailer opens, over which the console says what to do.

Agent -> console: ``hello``, ``hb`` every 30 s, ``ack``, ``state``. Console -> agent: ``welcome``, ``cmd``,
``desired-changed``, ``hotlist-changed``, ``bye``. Text only, 8 kB at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from agent import VERSION
from agent.client import RESIGN_LIMIT, Answer, Backoff, Client
from agent.clock import wire
from agent.commands import MAX_AHEAD, Ack, Command, Gate, loads, read
from agent.problems import code_of
from agent.streams import DeadMan

log = logging.getLogger("agent.channel")

PATH = "/api/v1/channel/"
SUBPROTOCOL = Subprotocol("csrp.v1")
HEARTBEAT_S = 30.0
BEAT_S = 10.0
MAX_BYTES = 8192


@dataclass
class Hooks:
    """What the channel asks of the trailer it belongs to."""

    status: Callable[[], dict[str, Any]]
    run: Callable[[Command], Awaitable[Ack]]
    desired_changed: Callable[[], None]
    hotlist_changed: Callable[[], None]
    linked: Callable[[], None]
    lost: Callable[[], Awaitable[None]]
    refused: Callable[[str], None]
    welcomed: Callable[[Mapping[str, Any]], None]


class Channel:
    """Keeps one socket open, answers every command, and reports each sign of life to the dead man."""

    def __init__(self, url: str, client: Client, gate: Gate, dead_man: DeadMan, hooks: Hooks) -> None:
        self.url = url
        self.client = client
        self.clock = client.clock
        self.gate = gate
        self.dead_man = dead_man
        self.hooks = hooks
        self.backoff = Backoff()
        self.stopped = False
        self._socket: ClientConnection | None = None
        self._next_hb = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Tell whether the socket is open."""
        return self._socket is not None

    async def run(self) -> None:
        """Connect, serve, reconnect with full jitter, until cancelled or the console revoked the key."""
        attempts = 0
        while not self.stopped:
            code = await self._serve_once()
            if code == "clock-skew" and attempts < RESIGN_LIMIT:
                attempts += 1
                continue
            attempts = 0
            if not self.stopped:
                await asyncio.sleep(self.backoff.next_s())

    async def _serve_once(self) -> str | None:
        """Serve one connection to its end; returns the problem code of a refused upgrade."""
        created = int(self.clock.now().timestamp())
        headers = self.client.signer.headers("GET", self.url, created=created)
        try:
            async with connect(
                self.url, additional_headers=headers, subprotocols=[SUBPROTOCOL], ping_interval=None,
                max_size=MAX_BYTES, compression=None, proxy=None, open_timeout=10, close_timeout=2,
                user_agent_header=f"csrp-agent/{VERSION}",
            ) as socket:  # fmt: skip
                await self._serve(socket)
        except InvalidStatus as error:
            return await self._upgrade_refused(error)
        except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError) as error:
            log.info("channel not open: %s", type(error).__name__)
        finally:
            if self._socket is not None:
                self._socket = None
                self.dead_man.channel_down()
                await self.hooks.lost()
        return None

    async def _serve(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.dead_man.channel_up()
        await self.say("hello", agent_version=VERSION)
        self._next_hb = self.clock.monotonic() + HEARTBEAT_S
        self.hooks.linked()
        beats = asyncio.create_task(self._beat_for_ever())
        try:
            async for text in socket:
                self.dead_man.heard()
                self.backoff.reset()
                await self.receive(text)
        finally:
            beats.cancel()
        if socket.close_code is not None and socket.close_reason:
            self._closed_with(socket.close_reason)

    async def _upgrade_refused(self, error: InvalidStatus) -> str | None:
        """Read why an upgrade was refused; a bare 403 says nothing, so a signed request asks.

        That request sets the clock on the way, should the clock have been the reason.
        """
        code, body = None, None
        with contextlib.suppress(ValueError, AttributeError):
            body = json.loads(error.response.body or b"")
            code = code_of(body.get("type"))
        log.warning("channel refused: %s %s", error.response.status_code, code or "")
        self.client.learn_time(Answer(error.response.status_code, code, body))
        before = self.clock.offset
        if code is None:
            code = (await self.client.get_desired(None)).code
        if code is not None:
            self.hooks.refused(code)
        return "clock-skew" if self.clock.offset != before else code

    def _closed_with(self, reason: str) -> None:
        """A close reason that is a problem code means the same as the code in an answer."""
        if reason in ("key-revoked", "wrong-trailer"):
            self.hooks.refused(reason)

    async def open_again(self) -> None:
        """Close the socket, so that the next one is opened with the key that signs now."""
        if self._socket is not None:
            await self._socket.close(1000, "key renewed")

    async def say(self, kind: str, **more: Any) -> None:
        """Send what the trailer says of itself now: ``hello``, ``hb`` or ``state``."""
        await self.send({"t": kind, "at": wire(self.clock.now()), **more, **self.hooks.status()})

    async def send(self, message: dict[str, Any]) -> None:
        """Send one message; a closed socket is no error, the reader notices it."""
        if self._socket is None:
            return
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(json.dumps(message, separators=(",", ":"), allow_nan=False))

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            await self.beat()

    async def beat(self) -> None:
        """Every 10 s: close a silent socket, ask for a pong, send the heartbeat when it is due."""
        if self._socket is None:
            return
        if self.dead_man.silent():
            log.warning("the console is silent: closing the channel")
            await self._socket.close(1001, "silent")
            return
        with contextlib.suppress(ConnectionClosed):
            asyncio.ensure_future(await self._socket.ping()).add_done_callback(self._pong)
        if self.clock.monotonic() >= self._next_hb - BEAT_S / 2:
            self._next_hb = self.clock.monotonic() + HEARTBEAT_S
            await self.say("hb")

    def _pong(self, waiter: asyncio.Future[float]) -> None:
        if not waiter.cancelled() and waiter.exception() is None:
            self.dead_man.heard()

    async def receive(self, text: str | bytes) -> None:
        """Take one message; what is not understood is logged by its kind only, never by its content."""
        try:
            message = loads(text if isinstance(text, str) else "")
        except (ValueError, RecursionError):
            log.warning("channel message that can't be read")
            return
        kind = message.get("t")
        if kind == "cmd":
            await self._command(message)
        elif kind == "welcome":
            self.hooks.welcomed(message)
        elif kind == "desired-changed":
            self.hooks.desired_changed()
        elif kind == "hotlist-changed":
            self.hooks.hotlist_changed()
        elif kind == "bye":
            log.info("the console says bye: %s", message.get("code"))
            self._closed_with(str(message.get("code")))

    async def _command(self, message: dict[str, Any]) -> None:
        try:
            command = read(message)
        except ValueError:
            log.warning("a command that can't be read")
            return
        if command.issued_at > self.clock.now() + MAX_AHEAD and self.gate.genuine(command):
            # Our clock is behind: a signed request lets the console say so before the command is judged by
            # it.
            await self.client.get_desired(None)
        ack = self.gate.judge(command)
        if ack is not None:
            await self.send(ack.wire())
            return
        await self.send(Ack(command.id, "received").wire())
        # Its own task: a stop must never wait behind a start that hangs.
        task = asyncio.create_task(self._run(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, command: Command) -> None:
        ack = await self.hooks.run(command)
        self.gate.finish(ack)
        await self.send(ack.wire())
