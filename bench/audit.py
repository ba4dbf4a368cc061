"""`console.py bench audit`: what the log costs, how soon it is sealed, how fast an outsider checks it.

One run, every comparison in pairs of which the order is drawn, ratios rather than times where two things are
compared: the machine's own noise then falls on both. ``--kills`` kills sequencers instead, ``--entries`` asks
the privacy officer's question of a log of that size.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import audit_kills, audit_sealing, audit_verifying, audit_writing, machine
from bench.audit_place import ROOT, Place, load_django, place
from bench.table import Table, percentile
from tests.running import RunningConsole


@dataclass(frozen=True)
class Limit:
    """One goal: at most, or at least, so much."""

    limit: float
    unit: str
    less: bool = True

    def grade(self, value: float) -> str:
        """Say whether the value is within it."""
        met = value <= self.limit if self.less else value >= self.limit
        sign = "<=" if self.less else ">="
        return f"{'met' if met else 'below goal'} ({sign} {self.limit:g} {self.unit}".rstrip() + ")"


P50 = Limit(1.05, "x")
SATURATED = Limit(0.60, "x", less=False)
WITH_WORK = Limit(0.95, "x", less=False)
CHAIN = Limit(2.0, "x", less=False)
LAG = Limit(250.0, "ms")
BESIDE = Limit(1.2, "x")
HASHING = Limit(500_000, "/s", less=False)
CHECKING = Limit(120_000, "/s", less=False)
SETTLE_S = 3.0
#: Short blocks in many rounds: what else the machine does falls on both of a pair.
BLOCK_S = 0.6


def main(chosen: argparse.Namespace) -> int:
    """Measure and print; 0 when every goal is met."""
    table, begun = Table(), time.monotonic()
    if chosen.entries:
        return question(chosen.entries, chosen.seed)
    with place() as made:
        load_django(made)
        head = machine.facts(made.servers.url("csoc_app"), made.data)
        if chosen.kills:
            killed(made, table, chosen)
        else:
            measured(made, table, chosen)
    took = time.monotonic() - begun
    closing = [f"one run of {took:.0f} s; seed {chosen.seed}; at its end {machine.load()}"]
    closing += [f"FAIL {failure}" for failure in table.failures] or ["every goal is met"]
    print(f"\n{head}\n\n{table}\n\n" + "\n".join(closing), flush=True)
    return int(bool(table.failures))


def measured(made: Place, table: Table, chosen: argparse.Namespace) -> None:
    """Writing, sealing, verifying, one after the other."""
    share = 4 if chosen.quick else 1
    with made.running("audit_sequence", "csoc_sequencer"):
        time.sleep(SETTLE_S)
        print("measuring: one writer …", flush=True)
        for act, words in ((True, "a change of state and its entry"), (False, "nothing but the entry")):
            alone(
                table, words, audit_writing.alone(3000 // share, chosen.seed, act=act), P50 if act else None
            )
        for work_s in (0.0, audit_writing.WORK_S):
            print(f"measuring: {audit_writing.WRITERS} writers, {1000 * work_s:g} ms of work …", flush=True)
            blocks = audit_writing.together(made, 24 // share, BLOCK_S, work_s, chosen.seed)
            together(table, blocks, work_s)
        print("measuring: sealing …", flush=True)
        sealing(made, table, 40 / share, chosen.seed)
        print("measuring: verifying …", flush=True)
        verifying(table, audit_verifying.measure(made, 200_000 // share, chosen.seed))


def alone(
    table: Table, words: str, times: tuple[Sequence[float], Sequence[float]], goal: Limit | None
) -> None:
    """One writer: durations of both, and the ratio of their medians."""
    record, plain = times
    table.times(f"1 writer, {words}: audit.record", record)
    table.times("  the same with a plain INSERT", plain)
    ratio = statistics.median(record) / statistics.median(plain)
    added = statistics.median(a - b for a, b in zip(record, plain, strict=True))
    _ratio(table, f"  p50 against plain (+{1e6 * added:.0f} us)", ratio, len(record), goal)


def together(table: Table, blocks: dict[str, list[audit_writing.Block]], work_s: float) -> None:
    """Many writers: rates, and their ratios round by round."""
    words = f"{audit_writing.WRITERS} writers" + (
        f", {1000 * work_s:g} ms of work" if work_s else ", saturated"
    )
    names = {"record": "audit.record", "plain": "plain INSERT", "chain": "hash chain in the request"}
    for kind, name in names.items():
        rate = statistics.median(block.rate for block in blocks[kind])
        p50 = 1000 * percentile([value for block in blocks[kind] for value in block.times], 0.5)
        table.value(f"{words}: {name}", f"{rate:,.0f}/s", len(blocks[kind]))
        table.value("  p50 of a transaction", f"{p50:.1f} ms", len(blocks[kind]))
    for other, goal in (("plain", WITH_WORK if work_s else SATURATED), ("chain", CHAIN)):
        middle, least, most = audit_writing.ratio(blocks, "record", other)
        name = f"  record against {names[other]} ({least:.2f} to {most:.2f})"
        _ratio(table, name, middle, len(blocks[other]), goal)


def sealing(made: Place, table: Table, seconds: float, seed: int) -> None:
    """Lag without and beside a transaction that stays open, in turns."""
    lags: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(4):
        beside = bool(turn % 2)
        lags[beside] += audit_sealing.lags(made, seconds / 4, seed + turn, beside_open=beside)
    table.times("sealed after COMMIT", lags[False], LAG)  # type: ignore[arg-type]
    table.times("  beside a transaction open for 3 s", lags[True], LAG)  # type: ignore[arg-type]
    ratio = percentile(lags[True], 0.99) / percentile(lags[False], 0.99)
    _ratio(table, "  p99 beside it against without", ratio, len(lags[True]), BESIDE)


def verifying(table: Table, speed: audit_verifying.Speed) -> None:
    """Entries a second of the sequencer and of the outsider's program."""
    n = speed.entries
    table.value("sequenced and signed", f"{speed.sequenced:,.0f}/s", n)
    table.value("verifier, hashing only", f"{speed.hashed:,.0f}/s", n, HASHING, speed.hashed)  # type: ignore[arg-type]
    table.value("verifier, every check", f"{speed.checked:,.0f}/s", n, CHECKING, speed.checked)  # type: ignore[arg-type]
    table.value("  with one process", f"{speed.checked_alone:,.0f}/s", n)
    table.check(speed.verdict.startswith("IT HOLDS"), f"the verifier said: {speed.verdict}")


def killed(made: Place, table: Table, chosen: argparse.Namespace) -> None:
    """Kill sequencers; everything from ``missing`` on must be 0."""
    commits = chosen.commits // (10 if chosen.quick else 1)
    kills = max(20, chosen.kills // (10 if chosen.quick else 1))
    print(
        f"{commits:,} commits by {audit_kills.WRITERS} writers, {kills} kills of two sequencers …", flush=True
    )
    outcome = audit_kills.run(
        made.servers.url("csoc_sequencer"),
        lambda: made.connect("postgres"),
        commits=commits,
        kills=kills,
        seed=chosen.seed,
        say=lambda text: print(text, flush=True),
    )
    zero = Limit(0, "")
    for name, value in asdict(outcome).items():
        goal = zero if name in audit_kills.FAULTS else None
        table.value(name.replace("_", " "), f"{value:,}", commits, goal, value)  # type: ignore[arg-type]


def question(entries: int, seed: int) -> int:
    """Fill a console's log with a month of ``entries`` and ask the privacy officer's questions over HTTP."""
    with tempfile.TemporaryDirectory(prefix="csoc-bench-") as folder:
        Path(folder).chmod(0o711)
        data = Path(folder) / "data"
        words = ["fill", "--data", str(data), "--n", str(entries), "--seed", str(seed)]
        code = subprocess.call([sys.executable, "-m", "bench.audit_seed", *words], cwd=ROOT)
        if code:
            return code
        print("starting a console on it …", flush=True)
        with RunningConsole(data) as running:
            words = ["ask", "--run-json", str(running.data / "run.json")]
            return subprocess.call([sys.executable, "-m", "bench.audit_seed", *words], cwd=ROOT)


def _ratio(table: Table, name: str, value: float, n: int, goal: Limit | None) -> None:
    table.value(name, f"{value:.3f} x", n, goal, value)  # type: ignore[arg-type]
