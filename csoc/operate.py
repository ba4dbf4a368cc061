"""`console.py manage`: manage.py with the environment of a demonstration that runs.

An installation has its own environment and calls manage.py itself. No Django here: manage.py reads the
settings, in its own process.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
from pathlib import Path

from csoc.launcher import ROOT, USAGE, secrets_of, url_of

ROLES = ("app", "sequencer", "publisher", "owner")
#: A command of a person's may take longer than a page, and needs few connections.
PATIENT = {"CSOC_STATEMENT_TIMEOUT_MS": "60000", "CSOC_POOL_MAX": "4"}


class NotHere(Exception):
    """No demonstration runs on the data directory. ``str()`` says so and what to do."""


def environment(data: Path, role: str) -> dict[str, str]:
    """Return what a process of the demonstration on ``data`` has around it, in the database role ``role``.

    Errors: NotHere.
    """
    if not runs(data):
        raise NotHere(f"No console runs on {data}. Start one with `console.py run`, or name its --data DIR.")
    try:
        told = json.loads((data / "run.json").read_text("utf-8"))
    except FileNotFoundError:
        raise NotHere(
            f"What runs on {data} is not a demonstration, or is not ready yet. An installation calls "
            "manage.py itself, with its own environment (docs/runbook.md)."
        ) from None
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CSOC_")}
    here = {"CSOC_DATABASE_URL": url_of(told["database_url"], f"csoc_{role}")}
    return clean | told["environment"] | secrets_of(data) | here | PATIENT


def runs(data: Path) -> bool:
    """True while a console holds the lock of the data directory."""
    try:
        with (data / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def main(words: list[str] | None = None) -> int:
    """Become manage.py; return only when that cannot be."""
    parser = argparse.ArgumentParser(prog="console.py manage", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--as", dest="role", choices=ROLES, default="app")
    parser.add_argument("words", nargs=argparse.REMAINDER)
    chosen = parser.parse_args(words)
    try:
        env = environment(chosen.data.resolve(), chosen.role)
    except NotHere as error:
        print(error, file=sys.stderr)
        return USAGE
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "manage.py", *chosen.words], env)


if __name__ == "__main__":
    sys.exit(main())
