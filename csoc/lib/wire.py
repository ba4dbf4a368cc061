"""Wire forms that every app shares."""

from msgspec import Struct


class PersonWire(Struct):
    """A person as every answer shows them: ``u-1042``, name, badge."""

    id: str
    name: str
    badge: str


class ErrorPart(Struct):
    """Where a body does not fit, and how; the value is never echoed."""

    pointer: str
    code: str


class Problem(Struct, omit_defaults=True):
    """RFC 9457 problem document; ``type`` is ``/problems/<code>``."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ErrorPart] = []


class StructList:
    """A JSON array of one struct; ``list_of`` makes the subclass that names it."""

    item: type[Struct]


def list_of(struct: type[Struct]) -> type[StructList]:
    """Return what ``extend_schema`` takes for an array of ``struct``."""
    return type(f"{struct.__name__}List", (StructList,), {"item": struct})
