"""Lists for tests: rows and a manifest as an authority sends them, and hostile ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from accounts.models import User
from accounts.services import acting
from alerts import services
from csoc.lib import clock

HEADER = "plate,jurisdiction,category,reference,valid_from,valid_to,action,priority"


def row(plate: str = "ZZROW01", **changes: str) -> str:
    """One valid row, as text without its end."""
    now = clock.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    cells = {
        "plate": plate, "jurisdiction": "CA-ON", "category": "stolen_vehicle", "reference": "R-1",
        "valid_from": str(clock.wire(now - timedelta(days=1))),
        "valid_to": str(clock.wire(today + timedelta(days=30))),
        "action": "", "priority": "",
    } | changes  # fmt: skip
    return ",".join(cells.values())


def rows(count: int, first: int = 0, **changes: str) -> list[str]:
    """``count`` different valid rows."""
    return [row(f"ZZ{first + n:05d}", reference=f"R-{first + n}", **changes) for n in range(count)]


def file_of(lines: Iterable[str], *, header: str = HEADER, end: str = "\n") -> bytes:
    """The CSV."""
    return "".join(f"{line}{end}" for line in [header, *lines]).encode()


def manifest_of(file: bytes, **changes: Any) -> bytes:
    """The manifest that fits the file; ``changes`` replace members, None leaves one out."""
    now = clock.now()
    told = {
        "list_id": "test-on", "version": 1, "issued_at": clock.wire(now),
        "valid_to": clock.wire(now + timedelta(days=7)), "authority": "Test authority",
        "rows": file.count(b"\n") - 1, "sha256": hashlib.sha256(file).hexdigest(),
    } | changes  # fmt: skip
    return json.dumps({name: value for name, value in told.items() if value is not None}).encode()


def bring(actor: User, file: bytes, **changes: Any) -> Any:
    """Import as this person: the HotlistVersion, or the HotlistUpload that waits. Errors: Refused."""
    with acting(actor):
        return services.import_hotlist(
            actor=actor, manifest_bytes=manifest_of(file, **changes), source=lambda: pieces(file)
        )


def pieces(file: bytes, size: int = 997) -> list[bytes]:
    """The file cut where nothing expects it."""
    return [file[at : at + size] for at in range(0, len(file), size)]
