"""The options of `console.py bench`, apart so that `--help` and a wrong word need nothing installed."""

import argparse
from pathlib import Path

PARTS = (
    "all", "intake", "push", "video", "races", "deployments", "audit", "hostile", "memory", "traces",
    "hotlist",
)  # fmt: skip
#: Parts that count their own way: how many by default.
OWN_COUNT = {"hostile": 25_000, "memory": 50_000, "traces": 10_000}
ABOUT = """One run, one table, every number from this machine. Starts consoles of its own (or uses a running
one: --run-json; intake is saturated behind its screens then, and takes less), measures, checks that every
accepted alert is a row, an entry and a message on every screen, and stops it again. Exit code 1 when
anything is FAIL. `audit` measures the log on a database of its own: what an entry costs, how soon it is
sealed, how fast an outsider verifies it. `deployments` runs the races of two people on one deployment,
--n rounds, on a database of its own. `hostile` sends --n hostile bodies of --seed (25000) to every
door, `traces` --n refused bodies with a marker (10000) and searches everything for it, `memory` posts
--n alerts (50000) and watches the web process. `intake` fetches its peer, alerta-server, into
.cache/peer; without a package index it says so and measures the rest. `hotlist` imports a plate list of
a million rows."""


def read(words: list) -> argparse.Namespace:
    """Read the command line of `bench`."""
    parser = argparse.ArgumentParser(prog="console.py bench", description=ABOUT)
    parser.add_argument("part", nargs="?", default="all", choices=PARTS)
    parser.add_argument(
        "--n", type=int,
        help="alerts a part (default 500; intake is saturated with more; hostile, memory, traces: see above)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="order of the races (default 1)")
    parser.add_argument("--quick", action="store_true", help="a fifth of everything")
    parser.add_argument("--run-json", type=Path, help="measure the console that wrote this run.json")
    parser.add_argument(
        "--kills", nargs="?", type=int, const=200, default=0, metavar="N",
        help="audit: kill two sequencers N times (200) under --commits, and look at every line",
    )  # fmt: skip
    parser.add_argument(
        "--commits", type=int, default=100_000, help="audit --kills: commits (default 100000)"
    )
    parser.add_argument(
        "--entries", type=int, default=0, metavar="N",
        help="audit: ask the privacy officer's questions of a log of N entries (1000000, say)",
    )  # fmt: skip
    chosen = parser.parse_args(words)
    if (chosen.kills or chosen.entries) and chosen.part != "audit":
        parser.error("--kills and --entries belong to `bench audit`")
    own = OWN_COUNT.get(chosen.part)
    chosen.n = (own or 500) if chosen.n is None else chosen.n
    if own and chosen.n < 100:
        parser.error("--n must be at least 100")
    if not own and not 10 <= chosen.n <= 2000:
        parser.error("--n must be between 10 and 2000: a signature lives 60 s")
    return chosen
