"""`WS /api/v1/channel/`: the one socket over which a trailer is told what to do."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
import uuid
from typing import Any

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from csoc.lib import clock, strictjson
from csoc.lib.errors import Refused

from . import services, signatures
from .delivery import Line, switchboard
from .doors import public_authority
from .models import DesiredState
from .schemas import AckMessage, Report
from .signatures import Message, SignedBy

log = logging.getLogger(__name__)

SUBPROTOCOL = "csrp.v1"
MAX_BYTES = 8192
HELLO_WITHIN_S = 10.0
# More than this many messages in a second is no trailer of ours.
MAX_PER_S = 50
# Why the console hangs up, and the WebSocket close code that goes with it (an application has 4000-4999).
CODES = {
    "replaced": 4001,
    "silent": 4002,
    "key-revoked": 4003,
    "bad-message": 4004,
    "hello-missing": 4005,
    "key-ended": 4006,
    "slow-down": 4008,
    "too-large": 4009,
    "text-only": 4010,
    "unavailable": 4013,
}


class CommandChannel(AsyncWebsocketConsumer):
    """hello -> welcome; then hb, ack, state come in, and cmd, desired-changed, hotlist-changed, bye go out.

    An upgrade that is badly signed or without the sub-protocol is refused (403). A genuine key that was
    revoked, or a trailer whose console cannot reach its database, is told so with `bye`.
    """

    # No layer of its own: channels would open one per socket, and refuse the socket while Valkey is away.
    channel_layer_alias = "none"
    by: SignedBy | None = None
    line: Line | None = None

    async def connect(self) -> None:
        """Verify the signed upgrade, then wait for `hello`."""
        self.name = f"{os.getpid()}/{uuid.uuid4().hex}"
        self.closing = False
        self._second, self._count = 0, 0
        self._timer: asyncio.TimerHandle | None = None
        if SUBPROTOCOL not in self.scope.get("subprotocols", []):
            await self.close()
            return
        try:
            self.by = await database_sync_to_async(_signed_by, thread_sensitive=False)(self.scope)
        except Refused as refused:
            if refused.code != "key-revoked":
                await self.close()
                return
            await self._accept_and_leave("key-revoked")
        except (DatabaseError, PoolTimeout):
            await self._accept_and_leave("unavailable")
        else:
            await self.accept(subprotocol=SUBPROTOCOL)
            self._timer = asyncio.get_running_loop().call_later(HELLO_WITHIN_S, self._no_hello)

    async def _accept_and_leave(self, code: str) -> None:
        await self.accept(subprotocol=SUBPROTOCOL)
        await self.hang_up(code)

    def _no_hello(self) -> None:
        self._hanging = asyncio.ensure_future(self.hang_up("hello-missing"))

    async def disconnect(self, code: int) -> None:
        """Leave the switchboard."""
        self.closing = True
        if getattr(self, "_timer", None) is not None:
            self._timer.cancel()  # type: ignore[union-attr]
        switchboard().leave(self.name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take one message of the trailer; what breaks the contract ends the socket."""
        if self.closing:
            return
        try:
            await self._take(self._parsed(text_data))
        except Refused as refused:
            await self.hang_up(refused.code if refused.code in CODES else "bad-message")
        except msgspec.ValidationError:
            await self.hang_up("bad-message")
        except (DatabaseError, PoolTimeout):
            await self.hang_up("unavailable")

    def _parsed(self, text: str | None) -> dict[str, Any]:
        if text is None:
            raise Refused("text-only", "text only")
        raw = text.encode("utf-8", "surrogatepass")
        if len(raw) > MAX_BYTES:
            raise Refused("too-large", "8 kB at most")
        if not self._in_pace():
            raise Refused("slow-down", "too many messages")
        message = strictjson.loads(raw)
        if not isinstance(message, dict):
            raise Refused("bad-message", "not an object")
        return message

    def _in_pace(self) -> bool:
        second = int(time.monotonic())
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        return self._count <= MAX_PER_S

    async def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("t")
        if kind == "hello":
            await self._hello(msgspec.convert(message, Report))
            return
        if self.line is None or kind not in ("hb", "ack", "state"):
            raise Refused("bad-message", "not a message of the contract")
        self.line.heard_at = time.monotonic()
        if kind == "ack":
            await self._serve(services.record_ack, ack=msgspec.convert(message, AckMessage))
        else:
            await self._serve(services.heartbeat, report=msgspec.convert(message, Report))

    async def _serve(self, service: Any, **what: Any) -> Any:
        assert self.by is not None
        call = database_sync_to_async(service, thread_sensitive=False)
        return await call(trailer=self.by.trailer, actor=self.by, **what)

    async def _hello(self, report: Report) -> None:
        if self.line is not None or self.by is None:
            raise Refused("bad-message", "hello twice")
        trailer, key = self.by.trailer, self.by.key
        await self._serve(services.record_hello, channel=self.name, report=report)
        if self._timer is not None:
            self._timer.cancel()
        desired = await database_sync_to_async(DesiredState.objects.get, thread_sensitive=False)(
            trailer=trailer
        )
        self.line = Line(
            name=self.name,
            trailer_id=trailer.pk,
            number=trailer.number,
            keyid=self.by.key.keyid,
            send=self.say,
            hang_up=self.hang_up,
            desired_version=desired.version,
            hotlist_min_version=desired.hotlist_min_version,
        )
        await self.say(
            {
                "t": "welcome",
                "trailer": trailer.name,
                "time": clock.wire(clock.now()),
                "heartbeat_s": 30,
                "key": {"from": clock.wire(key.created_at), "until": clock.wire(key.valid_until)},
                "desired_version": desired.version,
                "hotlist_min_version": desired.hotlist_min_version,
            }
        )
        if not self.closing:
            switchboard().join(self.line)

    async def say(self, message: dict[str, Any]) -> None:
        """Send one message of the contract."""
        if not self.closing:
            await self.send(text_data=json.dumps(message, separators=(",", ":")))

    async def hang_up(self, code: str) -> None:
        """Say `bye` with the reason, and close."""
        if self.closing:
            return
        await self.say({"t": "bye", "code": code})
        self.closing = True
        switchboard().leave(self.name)
        await self.close(code=CODES[code], reason=code)


def _signed_by(scope: dict[str, Any]) -> SignedBy:
    """Verify the upgrade, a bodiless GET. Errors: Refused as `signatures.verify`."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    message = Message("GET", public_authority(), path, scope["query_string"].decode("latin-1"), headers)
    checked = signatures.check(message, has_body=False)
    signatures.spend(checked)
    return checked.by
