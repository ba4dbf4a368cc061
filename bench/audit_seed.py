"""Fill a console's log with a month, and ask the privacy officer's questions of it.

``python -m bench.audit_seed fill --data DIR --n 1000000 --seed 1`` makes the database of a console that has
not run yet (then: ``python3 console.py run --data DIR``). Every line, leaf, node and signature is made by the
sequencer's own code; only the clock is the month's. ``… ask --run-json FILE`` measures a running console.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from bench.audit_month import Month
from csoc.embedded import DATABASE, Servers

if TYPE_CHECKING:
    from audit.appender import New

ROOT = Path(__file__).resolve().parent.parent
BATCH = 20_000
DAYS = 30
#: The month ends this long before now, so that nothing of today stands before it.
BEFORE_NOW = timedelta(minutes=10)


def fill(data: Path, n: int, seed: int) -> float:
    """Make the database under ``data`` with ``n`` entries more; return entries a second."""
    data.mkdir(parents=True, exist_ok=True)
    servers = Servers(data, valkey=False)
    servers.start()
    try:
        if not servers.has_database(DATABASE):
            servers.create_database(DATABASE)
            _migrate(servers, data)
        return _append(servers, data, n, seed)
    finally:
        servers.stop()


def _environment(servers: Servers, data: Path, role: str) -> dict[str, str]:
    return dict(os.environ) | {
        "CSOC_ENV": "demo",
        "CSOC_DATABASE_URL": servers.url(role),
        "CSOC_REDIS_URL": "redis://127.0.0.1:1",
        "CSOC_DATA_DIR": str(data),
        "CSOC_STATEMENT_TIMEOUT_MS": "60000",
        "DJANGO_SETTINGS_MODULE": "csoc.settings",
    }


def _migrate(servers: Servers, data: Path) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=_environment(servers, data, "csoc_owner"), check=True)
    servers.guard(DATABASE)


def _append(servers: Servers, data: Path, n: int, seed: int) -> float:
    from audit.logkeys import LogKeys

    os.environ.update(_environment(servers, data, "csoc_sequencer"))
    from django.conf import settings

    from audit.head import Head

    end = datetime.now(UTC) - BEFORE_NOW
    month = Month(seed, n, end - timedelta(days=DAYS))
    keys = LogKeys(data / "keys" / "audit-log", settings.AUDIT_ORIGIN)
    with psycopg.connect(
        servers.url("csoc_sequencer"), options="-c timezone=UTC -c synchronous_commit=off"
    ) as c:
        sequencer = _sequencer(c, keys, Head(Path(settings.AUDIT_HEAD_DIR)), month.start)
        began = time.monotonic()
        for batch in _batches(month.entries()):
            sequencer.take(batch)
            print(
                f"  {sequencer.size:,} entries, {sequencer.size / (time.monotonic() - began):,.0f}/s",
                flush=True,
            )
        took = time.monotonic() - began
    with servers.admin(DATABASE) as admin:
        admin.execute("VACUUM ANALYZE")
    return n / took


def _sequencer(connection: psycopg.Connection, keys: object, head: object, start: datetime) -> object:
    """Return the sequencer itself, by the month's clock, fed with entries instead of the inbox."""
    from audit.sequencer import Sequencer

    class Filling(Sequencer):
        clock = start

        def _now(self) -> datetime:
            return self.clock

        def take(self, batch: list[New]) -> None:
            """Append and sign one batch, as a step does after it has emptied the inbox."""
            self.clock = max(new.at for new in batch)
            with self.connection.transaction():
                self._log.append(batch, self.clock)
            self._sign()

    sequencer = Filling(connection, keys, head)
    if not sequencer.take_office():
        raise SystemExit("A sequencer is at work on this database: stop its console first.")
    return sequencer


def _batches(entries: Iterator[New]) -> Iterator[list[New]]:
    while batch := list(itertools.islice(entries, BATCH)):
        yield batch


def main(words: list[str]) -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit_seed", description=__doc__)
    parser.add_argument("what", choices=("fill", "ask"))
    parser.add_argument("--data", type=Path, help="fill: the data directory of a console that is not running")
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run-json", type=Path, help="ask: of a running console")
    chosen = parser.parse_args(words)
    if chosen.what == "fill":
        if chosen.data is None:
            parser.error("fill needs --data")
        speed = fill(chosen.data.resolve(), chosen.n, chosen.seed)
        print(f"{chosen.n:,} entries through the sequencer's code at {speed:,.0f}/s, seed {chosen.seed}")
        return 0
    if chosen.run_json is None:
        parser.error("ask needs --run-json")
    from bench.audit_ask import ask

    return ask(chosen.run_json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
