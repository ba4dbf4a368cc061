"""The answers of the alerts API, for its schema and its tests. Times are RFC 3339 UTC with ``Z``."""

from typing import Literal

from msgspec import Struct

from csoc.lib.wire import PersonWire


class AlertWire(Struct):
    """An alert as every screen gets it: no plate, no crop, no clip."""

    id: str
    version: int
    kind: Literal["gunshot", "alpr_hit"]
    state: Literal["unacknowledged", "acknowledged", "closed"]
    priority: Literal[1, 2, 3]
    trailer: str
    deployment: str
    lat: float
    lon: float
    uncertainty_m: float | None
    occurred_at: str
    received_at: str
    late: bool
    flags: list[str]
    acknowledged_by: PersonWire | None
    acknowledged_at: str | None
    closed_at: str | None
    outcome: Literal["confirmed", "unconfirmed", "unfounded", "test", "equipment"] | None


class TrailerWire(Struct):
    """A trailer as every screen gets it."""

    id: str
    version: int
    label: str
    state: Literal["off", "active", "fault", "lost"]
    lat: float | None
    lon: float | None
    fix_at: str | None
    heading_deg: float
    deployment: str | None
    link_at: str | None
    battery_soc_pct: float | None
    faults: list[str]


class SnapshotWire(Struct):
    """What should be on this person's screen; ``digest`` over the alerts' ``id:version``."""

    digest: str
    at: str
    alerts: list[AlertWire]
    trailers: list[TrailerWire]


class EventWire(Struct):
    """One line of a timeline."""

    at: str
    verb: str
    person: PersonWire | None
    code: str
    text: str


class TimelineWire(Struct):
    """An alert's timeline, oldest first."""

    events: list[EventWire]


class UploadWire(Struct, omit_defaults=True):
    """Where the announced clip or crop may be put, and until when."""

    until: str
    clip: str = ""
    crop: str = ""


class AcceptedWire(Struct):
    """The answer to a trailer: 201 new, 200 the same again. ``closed``: a test alert; nothing is kept."""

    id: str
    received_at: str
    state: Literal["unacknowledged", "closed"]
    late: bool
    upload: UploadWire | None


class BulkRowWire(Struct, omit_defaults=True):
    """One answer of a bulk post, in the order of the array."""

    id: str | None
    status: int
    type: str = ""
    received_at: str = ""
