"""The options of `console.py bench`, apart so that `--help` and a wrong word need nothing installed."""

import argparse
from pathlib import Path

PARTS = ("all", "intake", "push", "video", "races")
ABOUT = """One run, one table, every number from this machine. Starts a console of its own (or uses a running
one: --run-json), measures, checks that every accepted alert is a row, an entry and a message on every screen,
and stops it again. Exit code 1 when anything is FAIL."""


def read(words: list) -> argparse.Namespace:
    """Read the command line of `bench`."""
    parser = argparse.ArgumentParser(prog="console.py bench", description=ABOUT)
    parser.add_argument("part", nargs="?", default="all", choices=PARTS)
    parser.add_argument("--n", type=int, default=500, help="alerts a part (default 500)")
    parser.add_argument("--seed", type=int, default=1, help="order of the races (default 1)")
    parser.add_argument("--quick", action="store_true", help="a fifth of everything")
    parser.add_argument("--run-json", type=Path, help="measure the console that wrote this run.json")
    chosen = parser.parse_args(words)
    if not 10 <= chosen.n <= 2000:
        parser.error("--n must be between 10 and 2000: a signature lives 60 s")
    return chosen
