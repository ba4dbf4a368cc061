"""What the trailers' own routes answer, as the OpenAPI document says it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class ConsoleKey(Struct):
    """A key with which the console signs commands: its name, and 32 bytes in base64url."""

    kid: str
    public_key: str


class EnrolledWire(Struct):
    """Answer of an enrolment or a rotation; ``time`` is the console's, RFC 3339 UTC."""

    trailer: str
    keyid: str
    console_keys: list[ConsoleKey]
    time: str


class StandingPoint(Struct):
    """Where the trailer is to stand, WGS 84 degrees."""

    lat: float | None
    lon: float | None


class StandingDeployment(Struct):
    """The deployment in force; ``until`` is RFC 3339 UTC."""

    id: str
    until: str
    point: StandingPoint
    heading_deg: float | None
    geofence_m: int


class DesiredWire(Struct):
    """What the trailer is to do; without a deployment every module is off."""

    version: int
    deployment: StandingDeployment | None
    modules: dict[str, bool]
    forbidden_sectors: list[Any]
    presets: list[Any]
    hotlist_min_version: int
