"""The erasable details of an export: opened one by one, sorted on disk, and what became of the rest.

A value that is gone needs its ``detail.erase`` line in the export, or the verifier calls it tampering.
Values wait in a scratch file inside the build's private folder, which goes with the build.
"""

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from audit import detail
from audit.entry import canonical
from audit.models import Detail, Entry
from audit.verbs import VERBS
from csoc.lib.sealing import SealBroken

#: Class of what somebody wrote of the public: an export that holds it dies when it is due.
SUBJECT = "subject"
ERASE = "detail.erase"
assert ERASE in VERBS
ERASE_LINES_AT_ONCE = 500

SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE found (commitment BLOB PRIMARY KEY, line TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE absent (commitment BLOB PRIMARY KEY, erased_by INTEGER) WITHOUT ROWID;
CREATE TABLE support (idx INTEGER PRIMARY KEY, line TEXT NOT NULL);
"""


class Details:
    """Collects details of lines; ``earliest`` is when the first of the public's is due, None without any."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._rows = sqlite3.connect(path, isolation_level=None)
        self._rows.executescript(SCHEMA)
        self._first_idx: int | None = None
        self.earliest: datetime | None = None

    def add(self, lines: Iterable[tuple[int, str]]) -> None:
        """Open every detail that these lines commit to."""
        wanted: list[bytes] = []
        for idx, line in lines:
            self._first_idx = idx if self._first_idx is None else self._first_idx
            entry = json.loads(line)["e"]
            wanted += [bytes.fromhex(entry[member]) for member in detail.CLASSES if member in entry]
        if not wanted:
            return
        kept = {bytes(row.commitment): row for row in Detail.objects.filter(commitment__in=wanted)}
        self._rows.execute("BEGIN")
        for commitment in wanted:
            self._keep(commitment, kept.get(commitment))
        self._rows.execute("COMMIT")

    def _keep(self, commitment: bytes, row: Detail | None) -> None:
        try:
            if row is None:
                raise FileNotFoundError
            salt, value = detail.opened(commitment, bytes(row.sealed), row.key_id)
        except (FileNotFoundError, SealBroken):
            self._rows.execute("INSERT OR IGNORE INTO absent VALUES (?, NULL)", [commitment])
            return
        member = {"commitment": commitment.hex(), "salt": base64.b64encode(salt).decode(), "value": value}
        self._rows.execute("INSERT OR IGNORE INTO found VALUES (?, ?)", [commitment, canonical(member)])
        if row.kind == SUBJECT:
            self.earliest = min(self.earliest or row.expires, row.expires)

    def explain_absent(self) -> int:
        """Find the line that erased each absent value; return how many values nothing explains."""
        unexplained = self._unexplained()
        after = self._first_idx if self._first_idx is not None else -1
        while unexplained:
            erasures = Entry.objects.filter(verb=ERASE, idx__gt=after).order_by("idx")
            rows = list(erasures.values_list("idx", "line")[:ERASE_LINES_AT_ONCE])
            if not rows:
                break
            for idx, line in rows:
                unexplained -= self._erased_by(idx, line)
            after = rows[-1][0]
        return unexplained

    def _erased_by(self, idx: int, line: str) -> int:
        erased = json.loads(line)["e"].get("erased", [])
        query = "UPDATE absent SET erased_by = ? WHERE commitment = ? AND erased_by IS NULL"
        explained = sum(self._rows.execute(query, [idx, bytes.fromhex(one)]).rowcount for one in erased)
        if explained:
            self._rows.execute("INSERT OR IGNORE INTO support VALUES (?, ?)", [idx, line])
        return explained

    def _unexplained(self) -> int:
        return int(self._rows.execute("SELECT count(*) FROM absent WHERE erased_by IS NULL").fetchone()[0])

    def erasures(self) -> list[tuple[int, str]]:
        """Return the erasing lines as (index, text), by index."""
        return [(idx, line) for idx, line in self._rows.execute("SELECT idx, line FROM support ORDER BY idx")]

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of ``details.jsonl``, sorted by commitment."""
        for (line,) in self._rows.execute("SELECT line FROM found ORDER BY commitment"):
            yield line.encode() + b"\n"

    def close(self) -> None:
        """Remove the scratch file: it holds the values in the clear."""
        self._rows.close()
        self._path.unlink(missing_ok=True)
