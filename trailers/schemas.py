"""The closed shapes of what a trailer sends to this app, and how their faults are told."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from django.utils.translation import gettext as _

from csoc.lib.errors import Refused

Key64 = Annotated[str, msgspec.Meta(min_length=43, max_length=44)]
Proof64 = Annotated[str, msgspec.Meta(min_length=86, max_length=88)]
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,15}\Z")]
Moment = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z\Z", max_length=27
    ),
]
# A code and never a sentence: it is kept in the clear and shown on every board.
FaultCode = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}\Z")]


class Audio(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The rate of the acoustic sensor, in hertz."""

    rate_hz: Literal[16000, 48000]


class Enrolment(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`POST /api/v1/enrolment/`."""

    token: Annotated[str, msgspec.Meta(min_length=16, max_length=128)]
    public_key: Key64
    serial: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    agent_version: Annotated[str, msgspec.Meta(max_length=32)]
    capabilities: Annotated[
        frozenset[Literal["acoustic", "alpr", "ptz", "speaker", "power"]], msgspec.Meta(max_length=5)
    ]
    audio: Audio
    proof: Proof64


class KeyRotation(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`POST /api/v1/keys/`: the next public key; `proof` (optional) signs its SHA-256 with its own key."""

    public_key: Key64
    proof: Proof64 | None = None


class Position(msgspec.Struct, frozen=True):
    """A fix, WGS 84 degrees; how good it is may be unknown."""

    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    satellites: Annotated[int, msgspec.Meta(ge=0, le=200)] | None = None
    accuracy_m: Annotated[float, msgspec.Meta(ge=0, le=100_000)] | None = None


class Report(msgspec.Struct, frozen=True):
    """What `hello`, `hb` and `state` say of the trailer; each part may be absent, and unknown is null.

    `at` and `fix_at` are the trailer's own clock; `modules` says "on" or "off" of each module it has, and
    names that this console does not know are passed over.
    """

    at: Moment | None = None
    fix_at: Moment | None = None
    modules: Annotated[dict[Word, Word], msgspec.Meta(max_length=16)] | None = None
    agent_version: Annotated[str, msgspec.Meta(max_length=32)] | None = None
    position: Position | None = None
    battery_soc_pct: Annotated[float, msgspec.Meta(ge=0, le=100)] | msgspec.UnsetType | None = msgspec.UNSET
    faults: Annotated[list[FaultCode], msgspec.Meta(max_length=20)] | None = None
    desired_version: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    hotlist_version: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class AckMessage(msgspec.Struct, frozen=True):
    """`ack{cmd,status}` of the command channel."""

    cmd: Annotated[str, msgspec.Meta(min_length=32, max_length=36)]
    status: Literal["received", "done", "refused", "failed", "expired"]
    code: Annotated[str, msgspec.Meta(max_length=40, pattern="^[a-z0-9-]*$")] | None = None


# Before there are threads: two that are the first to convert to a struct crash the process (msgspec).
for _shape in (Enrolment, KeyRotation, Report, AckMessage):
    msgspec.json.Decoder(_shape)

_PATH = re.compile(r" - at `\$?([^`]*)`")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+|\.\.\.)\]")
S = TypeVar("S", bound=msgspec.Struct)


def convert(value: Any, shape: type[S]) -> S:
    """Return `value` as `shape`. Errors: Refused 422 `schema` with the pointer; the value is never echoed."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise schema(pointer_of(error), "invalid") from None


def pointer_of(error: msgspec.ValidationError) -> str:
    """Return the JSON pointer of the member at fault, `""` for the whole body."""
    found = _PATH.search(str(error))
    return "".join(f"/{name or index}" for name, index in _STEP.findall(found[1])) if found else ""


def schema(pointer: str, code: str) -> Refused:
    """The 422 of a body that is JSON but not of the contract's shape."""
    errors = [{"pointer": pointer, "code": code}]
    return Refused("schema", _("The body does not have the contract's shape."), 422, errors=errors)
