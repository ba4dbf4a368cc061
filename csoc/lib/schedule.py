"""The retention schedule in a file: which classes of records a service keeps, how long, and by what right.

    {"classes": [{"key": "consent-record", "label": "Owner's consent", "purpose": "…",
                  "authority": "By-law 12-2026, schedule B, line 4", "days": 730}]}

Read without Django, so that a faulty file stops the program at start with every fault listed.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 262_144
MAX_CLASSES = 100
MAX_TEXT = 400
MAX_DAYS = 36_525
KEY = re.compile(r"[a-z][a-z0-9-]{1,39}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TEXTS = ("label", "purpose", "authority")
_MEMBERS = {"key", "days", "example", *_TEXTS}


@dataclass(frozen=True, slots=True)
class Line:
    """One class as the file has it; ``authority`` may be empty: then the class cannot be used (H10)."""

    key: str
    label: str
    purpose: str
    authority: str
    days: int
    example: bool = False


def read(path: Path) -> tuple[list[Line], list[str]]:
    """Return the classes of ``path`` and every fault of it, in sentences; no classes if there is a fault."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        return [], [f"the retention schedule {path} cannot be read: {error.strerror}"]
    if len(raw) > MAX_BYTES:
        return [], [f"the retention schedule {path} is larger than {MAX_BYTES} bytes"]
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return [], [f"the retention schedule {path} is not JSON"]
    return parse(value)


def parse(value: Any) -> tuple[list[Line], list[str]]:
    """Return the classes of a parsed schedule and every fault of it."""
    rows = value.get("classes") if isinstance(value, dict) and set(value) == {"classes"} else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_CLASSES:
        return [], [f'the retention schedule must be {{"classes": [1 to {MAX_CLASSES} of them]}}']
    faults = [fault for number, row in enumerate(rows, 1) for fault in _faults(number, row)]
    keys = [row["key"] for row in rows if isinstance(row, dict) and isinstance(row.get("key"), str)]
    faults += [f"retention class {key} stands twice" for key in sorted(set(keys)) if keys.count(key) > 1]
    return ([], faults) if faults else ([Line(**row) for row in rows], [])


def _faults(number: int, row: Any) -> list[str]:
    if not isinstance(row, dict):
        return [f"retention class {number} is not an object"]
    key = row.get("key")
    named = isinstance(key, str) and KEY.fullmatch(key) is not None
    name = f"retention class {key if named else number}"
    faults = [] if named else [f"{name}: key must be lower-case words with hyphens, 2 to 40 characters"]
    faults += [f"{name}: unknown member" for _member in set(row) - _MEMBERS]
    faults += [
        f"{name}: {member} must be text of at most {MAX_TEXT} characters, on one line"
        for member in _TEXTS
        if not _is_text(row.get(member), empty=member == "authority")
    ]
    days = row.get("days")
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MAX_DAYS:
        faults.append(f"{name}: days must be a whole number from 1 to {MAX_DAYS}")
    if not isinstance(row.get("example", False), bool):
        faults.append(f"{name}: example must be true or false")
    return faults


def _is_text(value: Any, *, empty: bool) -> bool:
    if not isinstance(value, str) or len(value) > MAX_TEXT or _CONTROL.search(value):
        return False
    return empty or bool(value.strip())
