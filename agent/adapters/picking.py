"""Picking single values out of a vendor's payload. What has the wrong form counts as not said."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

#: A crop of the plate alone is small; a larger picture is of something else.
CROP_MAX = 100_000
PLATE = re.compile(r"[A-Z0-9]{2,8}")
REGION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")
WORD = re.compile(r"[a-z][a-z0-9 -]{0,23}")
CAMERA = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,31}")

_CANADA = frozenset(["AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"])
_STATES = frozenset(
    [
        "AL",
        "AK",
        "AZ",
        "AR",
        "CA",
        "CO",
        "CT",
        "DE",
        "DC",
        "FL",
        "GA",
        "HI",
        "ID",
        "IL",
        "IN",
        "IA",
        "KS",
        "KY",
        "LA",
        "ME",
        "MD",
        "MA",
        "MI",
        "MN",
        "MS",
        "MO",
        "MT",
        "NE",
        "NV",
        "NH",
        "NJ",
        "NM",
        "NY",
        "NC",
        "ND",
        "OH",
        "OK",
        "OR",
        "PA",
        "RI",
        "SC",
        "SD",
        "TN",
        "TX",
        "UT",
        "VT",
        "VA",
        "WA",
        "WV",
        "WI",
        "WY",
    ]
)


class Malformed(Exception):
    """The payload is not of the vendor's form; the text names the form and never its content."""


def parsed(raw: bytes) -> Any:
    """Parse JSON; raises ``Malformed``."""
    try:
        return json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None


def at(value: Any, *path: str | int) -> Any:
    """Return the value at a path of keys and indexes, None where the path ends."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def rows(value: Any, *path: str | int, most: int = 20) -> list[Any]:
    """Return the first ``most`` members of a list at a path; nothing where there is none."""
    found = at(value, *path)
    return found[:most] if isinstance(found, list) else []


def plate(value: Any) -> str | None:
    """Return the key of a plate (NFKC, upper case, A-Z and 0-9 only, 2 to 8 signs), None if it is none."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    key = re.sub(r"[^A-Z0-9]", "", unicodedata.normalize("NFKC", value).upper())
    return key if PLATE.fullmatch(key) else None


def region(value: Any) -> str:
    """Return ISO 3166-2 for ``ca-on`` or ``US-NY``; "unknown" for a country alone and anything else."""
    text = value.upper().replace("_", "-") if isinstance(value, str) else ""
    return text if REGION.fullmatch(text) else "unknown"


def state(value: Any) -> str:
    """Return ISO 3166-2 for a province or state code alone (``ON``, ``NY``); "unknown" for anything else."""
    text = value.upper() if isinstance(value, str) else ""
    if text in _CANADA:
        return f"CA-{text}"
    return f"US-{text}" if text in _STATES else "unknown"


def number(value: Any) -> float | None:
    """Return a finite number, also from a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def share(value: Any, full: float = 1.0) -> float:
    """Return a confidence as 0 to 1, where the vendor calls certainty ``full``; 0 when it is not told."""
    found = number(value)
    return 0.0 if found is None else round(min(1.0, max(0.0, found / full)), 4)


def unix_s(value: Any, per_s: float = 1.0) -> datetime | None:
    """Return a time given in seconds (``per_s`` 1) or milliseconds (1000) since 1970, UTC."""
    found = number(value)
    try:
        return None if found is None else datetime.fromtimestamp(found / per_s, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def moment(value: Any) -> datetime | None:
    """Return an RFC 3339 time with a zone, in UTC; one without a zone says nothing."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        found = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def word(value: Any) -> str | None:
    """Return a short plain word in lower case; None for anything else, and for "unknown"."""
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if WORD.fullmatch(text) and text not in ("unknown", "unk", "other", "none") else None


def camera(value: Any) -> str | None:
    """Return the name of a camera as the contract takes it, shortened; None without one."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    text = re.sub(r"[^A-Za-z0-9_.:-]", "-", text)[:32]
    return text if CAMERA.fullmatch(text) else None


def vehicle(**said: Any) -> dict[str, str]:
    """Return ``color``, ``make`` and ``type`` as far as they are told."""
    return {name: found for name, value in said.items() if (found := word(value)) is not None}


def jpeg(value: Any) -> bytes | None:
    """Return a small JPEG from bytes or base64; None for anything else."""
    if isinstance(value, str):
        if len(value) > CROP_MAX * 4 // 3 + 4:
            return None
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return None
    small = isinstance(value, bytes) and 4 < len(value) <= CROP_MAX
    return value if small and value.startswith(b"\xff\xd8\xff") else None
