"""`bench traces`: refused bodies with a marker in them, and a search for it everywhere."""

from __future__ import annotations

import time
from pathlib import Path

from bench.driving import Info
from tests.contract import traces


def measure(info: Info, data: Path, n: int, seed: int) -> int:
    """Send ``n`` marked bodies, search, and print where the marker stands; 0 when nowhere."""
    since = time.time() - 1
    statuses = traces.send(info, n, seed)
    told = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    print(f"seed {seed}: {sum(statuses.values())} bodies, all refused; answers {told}", flush=True)
    undo = traces.planted(info, "PLANTEDQ9")
    try:
        control, _looked = traces.search(info, data, since, "PLANTEDQ9")
        found, looked = traces.search(info, data, since)
    finally:
        undo()
    print("looked at " + ", ".join(f"{count} {what}" for what, count in looked.items()))
    print(f"a planted dead row was found in {len(control)} files, the marker in {len(found)} places")
    print("\n".join(f"FAIL {place}" for place in found))
    return int(bool(found) or not control)
