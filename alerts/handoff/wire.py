"""The answers about hand-offs, for the schema and its tests."""

from typing import Literal

from msgspec import Struct

from csoc.lib.wire import PersonWire


class ReceiptWire(Struct):
    """One hand-off. ``number`` counts per target; ``files``: form -> address, while there is something."""

    id: str
    target: Literal["cad", "file"]
    name: str
    state: Literal["queued", "sent", "delivered", "failed"]
    attempts: int
    fault: str
    number: int
    by: PersonWire
    at: str
    settled_at: str | None
    files: dict[str, str]


class TargetWire(Struct):
    """One choice."""

    id: Literal["cad", "file"]
    name: str


class HandOffsWire(Struct):
    """Where an alert may go, and its hand-offs, oldest first."""

    targets: list[TargetWire]
    receipts: list[ReceiptWire]


class RowWire(Struct):
    """One fact in words."""

    name: str
    words: str


class PreviewWire(Struct):
    """What would be sent of the alert in this version; the person's note and CAD number come besides."""

    version: int
    rows: list[RowWire]
