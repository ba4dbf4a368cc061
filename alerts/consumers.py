"""``/ws/live/``: the board's socket. It only tells; acts go over HTTP."""

import json
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from accounts import sessions
from accounts.models import User
from accounts.selectors import Rights, has_role, user_with_person
from accounts.sessions import Standing
from alerts.hub import board_hub
from alerts.policies import VIEWERS

SIGN_IN_AGAIN = 4401
RIGHT_LOST = 4403
ONLY_PING = 4400
#: A bare word, or as the frames we send: both mean the same.
PINGS = ("ping", '{"type":"ping"}', '{"type": "ping"}')


@database_sync_to_async
def _viewer(scope: dict[str, Any]) -> tuple[User | None, int]:
    """Return the fully signed-in person of this socket, or the close code that says why not."""
    user = scope.get("user")
    fresh = user_with_person(user.pk) if user is not None and user.is_authenticated else None
    if fresh is None or sessions.standing(scope["session"], fresh) is not Standing.FULL:
        return None, SIGN_IN_AGAIN
    return (fresh, 0) if has_role(fresh, *VIEWERS) else (None, RIGHT_LOST)


class BoardConsumer(AsyncWebsocketConsumer):
    """One screen. The login is read at connect and judged again with every heartbeat."""

    # No layer of its own: channels would open one per socket, and refuse the socket while Valkey is away.
    channel_layer_alias = "none"

    async def connect(self) -> None:
        """Accept only a fully signed-in dispatcher or supervisor; others get a reason and a close code."""
        user, code = await _viewer(self.scope)
        await self.accept()
        if user is None:
            await self._bye(code)
            return
        self.user_id, self.epoch = user.pk, user.auth_epoch
        self.session_key = self.scope["session"].session_key
        self.agency_id, self.agency = user.person.agency_id, user.person.agency.code
        board_hub().join(self)
        await board_hub().beat([self])

    async def disconnect(self, code: int) -> None:
        """Forget the screen."""
        board_hub().leave(self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """The client sends only ``ping``; anything else ends the socket."""
        if text_data not in PINGS:
            await self._bye(ONLY_PING)

    async def show(self, frame: str) -> None:
        """Send one encoded frame."""
        await self.send(text_data=frame)

    async def judge(self, rights: Rights | None, signed_in: bool) -> bool:
        """Close 4401 if the sign-in is over, 4403 if the role is gone."""
        if rights is None or not (signed_in and rights.is_active and rights.auth_epoch == self.epoch):
            await self._bye(SIGN_IN_AGAIN)
            return False
        if not rights.roles & set(VIEWERS):
            await self._bye(RIGHT_LOST)
            return False
        return True

    async def _bye(self, code: int) -> None:
        board_hub().leave(self)
        await self.send(text_data=json.dumps({"type": "bye", "code": code}))
        await self.close(code=code)
