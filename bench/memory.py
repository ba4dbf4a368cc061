"""`bench memory`: the web process over 50,000 alerts, its resident memory every 5,000.

Nine tenths come as catch-up in arrays of 100, the rest one by one, as trailers send them. It is flat when the
highest reading of the last third is at most ``BOUND_MB`` above the one at the end of the warm-up (the first
fifth: pools, caches and the allocator's arenas fill). Every alert must be a row and an entry, or it is FAIL.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from agent.signing import Signer
from bench import driving
from bench.driving import ALERTS, Info, Speaker
from tests.contract.storm import Wire

BULK = "/api/v1/alerts/bulk/"
AT_ONCE = 100
STEPS = 10
#: What the process may grow by from the end of the warm-up to the end, in MB.
BOUND_MB = 20.0


def resident_mb(pid: int) -> float:
    """The resident memory of a process in megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


def grown(readings: list[float]) -> float:
    """How much it grew after the warm-up: the highest of the last third over the end of the warm-up."""
    warm = readings[max(1, len(readings) // 5)]
    return max(readings[-max(1, len(readings) // 3) :]) - warm


def measure(info: Info, n: int) -> int:
    """Post ``n`` alerts, print the readings, and judge the growth; 0 when it is within the bound."""
    pid, ids = int(info["pids"]["web"]), []
    readings = readings_over(info, n, lambda: resident_mb(pid), ids, show=True)
    rows, entries, growth = driving.rows(info, ids), driving.entries(info, ids), grown(readings)
    print(f"alerts accepted {len(ids)}, rows {rows}, audit entries {entries}")
    if not rows == entries == len(ids):
        print("FAIL rows or audit entries are not as many as were accepted")
        return 1
    flat = growth <= BOUND_MB
    print(f"grown by {growth:.1f} MB after the warm-up, at most {BOUND_MB:.0f} MB: ", end="")
    print("flat" if flat else "NOT flat\nFAIL the web process grows")
    return int(not flat)


def readings_over(
    info: Info, n: int, read: Callable[[], float], ids: list[str] | None = None, *, show: bool = False
) -> list[float]:
    """The readings before the first alert and after each tenth of ``n`` alerts; ``ids`` gets what was taken.

    Errors: AssertionError when one is not taken.
    """
    taken = ids if ids is not None else []
    speaker = Speaker(info)
    signer: Signer = speaker._signer
    where = urlsplit(info["url"])
    wire = Wire(where.hostname or "", where.port or 80)
    readings = [read()]

    def post(path: str, value: object) -> bytes:
        raw = json.dumps(value).encode()
        headers = signer.headers("POST", info["url"] + path, body=raw, created=int(time.time()))
        answer = wire.ask(path, headers, raw)
        assert answer.status in (200, 201), (answer.status, answer.body[:200])
        return answer.body

    for step in range(1, STEPS + 1):
        begun = time.monotonic()
        singles = n // STEPS // 10
        left = n // STEPS - singles
        while left:
            size = min(AT_ONCE, left)
            left -= size
            alerts = [speaker.gunshot() for _ in range(size)]
            rows = json.loads(post(BULK, alerts))
            assert [row["status"] for row in rows] == [201] * size, rows[:2]
            taken += [alert["id"] for alert in alerts]
        for _single in range(singles):
            alert = speaker.gunshot()
            post(ALERTS, alert)
            taken.append(alert["id"])
        readings.append(read())
        if show:
            rate = n // STEPS / (time.monotonic() - begun)
            print(
                f"  {step * n // STEPS:>7} alerts  {readings[-1]:7.1f} MB  ({rate:.0f} a second)", flush=True
            )
    wire.close()
    return readings
