"""The answers of the people's API, for its schema and its tests. Times are RFC 3339 UTC with ``Z``."""

from typing import Literal

from msgspec import Struct

from csoc.lib.wire import PersonWire


class ThingWire(Struct):
    """What was opened."""

    type: Literal["alert", "deployment"]
    id: str


class BreakGlassWire(Struct):
    """One break-glass; the words of its reason are sealed and never sent."""

    id: str
    object: ThingWire
    person: PersonWire
    reason: str
    opened_at: str
    expires_at: str
    ended_at: str | None
