"""The closed schemas of ``csrp.alert/1``: the only definition of what a trailer may say.

An unknown key is refused at every level, so that nothing new can slip in unread.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from alerts.plates import plate_key
from csoc.lib.errors import Refused

Fraction = Annotated[float, Meta(ge=0, le=1)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Metres = Annotated[float, Meta(ge=0, le=100_000)]
Word = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,39}\Z")]
Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,39}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
# [0-9] and not \d, which takes the digits of every script.
Moment = Annotated[
    str,
    Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z\Z"),
]
# Above it two readers of JSON may mean two numbers (RFC 8785), so nothing could be compared.
MAX_COUNTER = 2**53 - 1
Counter = Annotated[int, Meta(ge=0, le=MAX_COUNTER)]
Jurisdiction = Annotated[str, Meta(pattern=r"^([A-Z]{2}-[A-Z0-9]{1,3}|unknown)\Z")]


class _Closed(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    pass


class Clock(_Closed, kw_only=True, frozen=True):
    """Where the device's time comes from; ``error_ms`` is its own estimate."""

    source: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,16}\Z")]
    error_ms: Annotated[float, Meta(ge=0, le=86_400_000)] | None = None


class Position(_Closed, kw_only=True, frozen=True):
    """The trailer's own position, WGS 84 degrees."""

    lat: Latitude
    lon: Longitude
    accuracy_m: Metres | None = None


class ShotLocation(_Closed, kw_only=True, frozen=True):
    """Where the shot was, with its uncertainty in metres."""

    lat: Latitude
    lon: Longitude
    uncertainty_m: Metres


class Bearing(_Closed, kw_only=True, frozen=True):
    """Direction of the shot, degrees true."""

    deg_true: Annotated[float, Meta(ge=0, lt=360)]
    error_deg: Annotated[float, Meta(ge=0, le=180)] | None = None


class Detector(_Closed, kw_only=True, frozen=True):
    """Which detector spoke."""

    make: Word | None = None
    model: Word | None = None
    firmware: Word | None = None
    event_id: Identifier | None = None


class ClipNotice(_Closed, kw_only=True, frozen=True):
    """The announced clip; ``duration_ms`` and ``pre_roll_ms`` are hints and never compared."""

    sha256: Sha256
    bytes: Annotated[int, Meta(ge=45, le=960_044)]
    duration_ms: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    pre_roll_ms: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    rate_hz: Literal[16_000, 48_000] | None = None


class CropNotice(_Closed, kw_only=True, frozen=True):
    """The announced crop of the plate."""

    sha256: Sha256
    bytes: Annotated[int, Meta(ge=1, le=100_000)]
    width: Annotated[int, Meta(ge=1, le=640)]
    height: Annotated[int, Meta(ge=1, le=320)]
    media_type: Literal["image/jpeg"]


class Gunshot(_Closed, kw_only=True, frozen=True):
    """A gunshot: ``span_ms`` from first to last round."""

    class_: Literal["gunshot"] = msgspec.field(name="class")
    confidence: Fraction
    rounds: Annotated[int, Meta(ge=1, le=100)] | None = None
    span_ms: Annotated[int, Meta(ge=0, le=7000)] | None = None
    location: ShotLocation | None = None
    bearing: Bearing | None = None
    detector: Detector | None = None
    clip: ClipNotice | None = None


class HotlistReference(_Closed, kw_only=True, frozen=True):
    """The entry of the list version that the hit stands on."""

    list_id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,31}\Z")]
    version: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    entry_id: Identifier


class Vehicle(_Closed, kw_only=True, frozen=True):
    """What the reader says of the vehicle."""

    color: Word | None = None
    make: Word | None = None
    type: Word | None = None


class AlprHit(_Closed, kw_only=True, frozen=True):
    """A plate that stands on the hotlist; reads that hit nothing never leave the trailer."""

    plate: Annotated[str, Meta(min_length=2, max_length=16)]
    jurisdiction: Jurisdiction
    confidence: Fraction
    match: Literal["exact", "lookalike"]
    char_confidence: Annotated[list[Fraction], Meta(max_length=16)] | None = None
    hotlist: HotlistReference
    camera: Identifier | None = None
    direction: Word | None = None
    vehicle: Vehicle | None = None
    crop: CropNotice | None = None


class AlertBody(_Closed, kw_only=True, frozen=True):
    """One alert as a trailer posts it."""

    schema: Literal["csrp.alert/1"]
    id: UUID
    trailer: Annotated[str, Meta(pattern=r"^TRL-[0-9]{4,6}\Z")]
    kind: Literal["gunshot", "alpr_hit"]
    occurred_at: Moment
    clock: Clock
    seq: Counter
    deployment: Annotated[str, Meta(pattern=r"^DEP-[0-9]{4}-[0-9]{4,6}\Z")]
    position: Position | None = None
    gunshot: Gunshot | None = None
    alpr_hit: AlprHit | None = None

    @property
    def occurred(self) -> datetime:
        """The moment of capture by the device's clock, aware, UTC."""
        return datetime.fromisoformat(self.occurred_at)


# msgspec reads a struct's types at its first conversion, and crashes the process when two threads are the
# first to do so together: so it is done here, before there are threads.
msgspec.json.Decoder(AlertBody)

_POINTER = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+|\.\.\.)\]")


def schema_error(pointer: str, code: str) -> Refused:
    """Return the 422 of the contract; it names a place and a code, never a value."""
    return Refused(
        "schema", "The alert does not fit its schema.", 422, errors=[{"pointer": pointer, "code": code}]
    )


def _from_msgspec(error: msgspec.ValidationError) -> Refused:
    text = str(error)
    found = _POINTER.search(text)
    steps = _STEP.findall(found[1]) if found else []
    pointer = "".join(f"/{name or index}" for name, index in steps)
    if "unknown field" in text:
        return schema_error(pointer, "unknown-key")
    if "missing required field" in text:
        return schema_error(pointer, "missing-key")
    return schema_error(pointer, "invalid")


def alert_from(value: Any) -> AlertBody:
    """Validate a parsed body.

    Errors: Refused ``schema`` (422) with pointers; ``invalid`` dates included.
    """
    try:
        alert = msgspec.convert(value, AlertBody, strict=True)
    except msgspec.ValidationError as error:
        raise _from_msgspec(error) from None
    _require_one_block(alert)
    try:
        alert.occurred  # noqa: B018  a date such as 31 February fits the pattern and nothing else
    except (ValueError, OverflowError):
        raise schema_error("/occurred_at", "invalid") from None
    return alert


def _require_one_block(alert: AlertBody) -> None:
    """Exactly the block that ``kind`` names, and a plate that has a key."""
    wanted, other = ("gunshot", "alpr_hit") if alert.kind == "gunshot" else ("alpr_hit", "gunshot")
    if getattr(alert, wanted) is None:
        raise schema_error(f"/{wanted}", "missing-key")
    if getattr(alert, other) is not None:
        raise schema_error(f"/{other}", "unknown-key")
    plate = alert.alpr_hit.plate if alert.alpr_hit is not None else None
    # Letters that turn the text around or cannot be seen would show a person another plate than was matched.
    if plate is not None and (plate_key(plate) is None or not plate.isprintable()):
        raise schema_error("/alpr_hit/plate", "invalid")


def id_of(value: Any) -> str | None:
    """Return the id of a parsed body that was refused, if it is one; nothing else of it is echoed."""
    try:
        return str(UUID(value["id"])) if isinstance(value, dict) else None
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def seq_of(value: Any) -> int | None:
    """Return the number of a parsed body that was refused, if it has one that a number may be."""
    seq = value.get("seq") if isinstance(value, dict) else None
    return seq if type(seq) is int and 0 <= seq <= MAX_COUNTER else None
