"""Risk matrices as files: the shipped example, and reading one that a service wrote itself."""

import tomllib
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from csoc.lib.errors import Refused

EXAMPLE = Path(__file__).with_name("example.toml")
MAX_BYTES = 40_000
#: Nested tables and arrays cost a parser time; a matrix is two levels deep.
_MAX_BRACKETS = 400
#: Dotted keys nest as well, and a parser's time grows with their square; texts have a few dots at most.
_MAX_DOTS_A_LINE = 200
_MEMBERS = frozenset({"name", "factors", "threshold", "valid_days", "example"})


def example() -> dict[str, Any]:
    """Return the shipped example as arguments of ``propose_matrix``."""
    return read(EXAMPLE.read_bytes())


def read(raw: bytes) -> dict[str, Any]:
    """Read a matrix in TOML into arguments of ``propose_matrix``, which judges the values.

    Errors: Refused ``too-large`` (413), ``matrix-unreadable`` (422); the file is never echoed.
    """
    if len(raw) > MAX_BYTES:
        raise Refused("too-large", _("A matrix is 40 kB of text at most."), 413)
    dots = max(line.count(b".") for line in raw.split(b"\n"))
    if raw.count(b"[") + raw.count(b"{") > _MAX_BRACKETS or dots > _MAX_DOTS_A_LINE:
        raise _unreadable(_("it is nested too deeply"))
    try:
        told = tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _unreadable(_("it is not UTF-8 text")) from None
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        raise _unreadable(_("it is not TOML")) from None
    if not {"name", "factors", "threshold"} <= set(told) <= _MEMBERS:
        raise _unreadable(_("it needs name, threshold and factors, and may have valid_days and example"))
    return {"valid_days": 14, "example": False, **told}


def _unreadable(why: str) -> Refused:
    return Refused(
        "matrix-unreadable", _("This file cannot be read as a matrix: %(why)s.") % {"why": why}, 422,
        field="file",
    )  # fmt: skip
