"""Erasable details: each commitment has its value in ``audit_detail``, or a ``detail.erase`` that names it.

An erasure commits with its entry, but the entry gets its place in the log a moment later; so what seems
to be missing is looked for again once the inbox is empty.
"""

import json
import re
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from django.utils.translation import gettext as _

from audit.verification.findings import Finding

MEMBERS = ("old", "new", "detail")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
PRESENT = "SELECT commitment FROM audit_detail WHERE commitment = ANY(%s)"
ERASURES = """
SELECT idx, line FROM audit_log WHERE verb = 'detail.erase' AND idx >= %s AND idx < %s ORDER BY idx LIMIT 2000
"""
WAITING = "SELECT waiting FROM audit_waiting()"
#: How often, and how long apart, an erasure in the inbox is waited for.
LOOKS, PAUSE_S = 20, 0.1


class Erased:
    """The commitments that the log says are erased: their first eight bytes each, sorted, 8 MB a million."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._read_to = 0
        self._prefixes = array("Q")

    def refresh(self, size: int) -> None:
        """Read the erasures among lines up to ``size`` that were not read yet."""
        while self._read_to < size:
            rows = self.connection.execute(ERASURES, [self._read_to, size]).fetchall()
            for _idx, line in rows:
                self._prefixes.extend(_prefix(commitment) for commitment in _named(line))
            self._read_to = rows[-1][0] + 1 if rows else size
            if rows:
                self._prefixes = array("Q", sorted(self._prefixes))

    def __contains__(self, commitment: bytes) -> bool:
        wanted = _prefix(commitment)
        at = bisect_left(self._prefixes, wanted)
        return at < len(self._prefixes) and self._prefixes[at] == wanted


class Details:
    """Collects the commitments of a slice, then looks them all up at once."""

    def __init__(self, connection: psycopg.Connection[Any], erased: Erased) -> None:
        self.connection = connection
        self.erased = erased
        self._noted: list[tuple[bytes, int]] = []

    def note(self, idx: int, entry: dict[str, Any]) -> None:
        """Remember what entry ``idx`` commits to. Errors: ValueError, and none is kept."""
        self._noted += [(commitment, idx) for commitment in committed(entry)]

    def settle(self, sleep: Callable[[float], None] = time.sleep) -> list[Finding]:
        """Return a finding for each commitment noted that has neither a value nor an erasure."""
        noted, self._noted = self._noted, []
        missing = self._missing(noted)
        for _look in range(LOOKS):
            if not missing or self._waiting() == 0:
                break
            sleep(PAUSE_S)
        missing = self._missing(missing) if missing else []
        return [
            Finding(
                "detail",
                idx,
                _("The detail of entry %(idx)s (%(commitment)s…) is gone, and no erasure names it.")
                % {"idx": idx, "commitment": commitment.hex()[:16]},
            )
            for commitment, idx in missing
        ]

    def _missing(self, noted: list[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
        if not noted:
            return []
        wanted = [commitment for commitment, _idx in noted]
        present = {bytes(row[0]) for row in self.connection.execute(PRESENT, [wanted])}
        absent = [pair for pair in noted if pair[0] not in present]
        if absent:
            found = self.connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM audit_log").fetchone()
            self.erased.refresh(found[0] if found else 0)
        return [pair for pair in absent if pair[0] not in self.erased]

    def _waiting(self) -> int:
        row = self.connection.execute(WAITING).fetchone()
        return int(row[0]) if row else 0


def committed(entry: dict[str, Any]) -> list[bytes]:
    """Return the commitments that ``entry`` carries. Errors: ValueError when one is malformed."""
    return [_commitment(entry[member]) for member in MEMBERS if member in entry]


def entry_of(line: str) -> dict[str, Any]:
    """Return a line's entry, {} when it can't be read: that is found where lines are checked."""
    try:
        entry = json.loads(line)["e"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _named(line: str) -> Iterator[bytes]:
    """Yield what a ``detail.erase`` line says is erased, as far as it can be read."""
    erased = entry_of(line).get("erased")
    for text in erased if isinstance(erased, list) else ():
        try:
            yield _commitment(text)
        except ValueError:
            continue


def _commitment(text: Any) -> bytes:
    if not isinstance(text, str) or not _DIGEST.match(text):
        raise ValueError("a commitment is 64 hex digits")
    return bytes.fromhex(text)


def _prefix(commitment: bytes) -> int:
    return int.from_bytes(commitment[:8], "big")
