"""`bench traces`: refused bodies with a marker in them, and a search for it everywhere."""

from __future__ import annotations

import time
from pathlib import Path

from bench.driving import Info
from tests.contract import traces

#: Of another word than the marker, so that the one search cannot find the other.
PLANTED = "PLANTEDQ9"


def measure(info: Info, data: Path, n: int, seed: int) -> int:
    """Send ``n`` marked bodies, search, and print where the marker stands; 0 when nowhere."""
    since = time.time() - 1
    report = traces.send(info, n, seed)
    told = ", ".join(f"{status}: {count}" for status, count in sorted(report.statuses.items()))
    print(f"seed {seed}: {report.sent} of {n} bodies answered, {told}; slowest {report.slowest_s:.2f} s")
    undo = traces.planted(info, PLANTED)
    try:
        control, _looked = traces.search(info, data, since, PLANTED)
        found, looked = traces.search(info, data, since)
    finally:
        undo()
    print("looked at " + ", ".join(f"{count} {what}" for what, count in looked.items()))
    if not control:
        found.append("the search: it did not find a dead row that was planted, so its silence means nothing")
    print(f"a planted dead row was found in {len(control)} files; bugs found: {report.found + len(found)}")
    print("\n".join(f"FAIL {what}" for what in [*report.faults, *found]))
    return int(bool(found) or report.found > 0 or report.sent < n)
