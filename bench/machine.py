"""What kind of machine the numbers come from: cores, load, how long a durable write takes."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import psycopg

from bench.table import percentile

WRITES = 200
PAGE = b"\0" * 8192


def fdatasync_us(folder: Path) -> tuple[float, float]:
    """p50 and p99 in microseconds of writing 8 KiB and waiting until the disk has it."""
    path, times = folder / f"fdatasync-{os.getpid()}", []
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for _ in range(WRITES):
            begun = time.perf_counter()
            os.pwrite(handle, PAGE, 0)
            os.fdatasync(handle)
            times.append(1e6 * (time.perf_counter() - begun))
    finally:
        os.close(handle)
        path.unlink()
    return percentile(times, 0.5), percentile(times, 0.99)


def model() -> str:
    """The processor's name (Linux), or the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def facts(database_url: str, folder: Path) -> str:
    """Two lines about the machine, for the head of the table."""
    with psycopg.connect(database_url) as connection:
        settings = [
            connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("server_version", "fsync", "synchronous_commit")
        ]
    p50, p99 = fdatasync_us(folder)
    return (
        f"machine: {len(os.sched_getaffinity(0))} cores, {model()}, Python {platform.python_version()}\n"
        f"PostgreSQL {settings[0]}, fsync {settings[1]}, synchronous_commit {settings[2]}; "
        f"fdatasync p50 {p50:.0f} us, p99 {p99:.0f} us; {load()}"
    )


def load() -> str:
    """The load average of the last minute."""
    return f"load {os.getloadavg()[0]:.1f}"
