"""The answers of live view, for its schema and its tests."""

from typing import Literal

from msgspec import Struct

from csoc.lib.wire import PersonWire


class OpenedWire(Struct):
    """What the page needs to play: the token opens the path once, within 30 s."""

    session: str
    whep_url: str
    token: str
    expires_at: str
    recording: Literal[False]


class BriefWire(Struct):
    """A view after an act on it."""

    session: str
    expires_at: str
    ended_at: str | None
    recording: Literal[False]


class ViewWire(Struct):
    """A view with everybody who watches the same trailer."""

    session: str
    alert: str
    trailer: str
    expires_at: str
    recording: Literal[False]
    watchers: list[PersonWire]
    state: Literal["open", "ended"]
