"""`console.py bench [all|intake|push|video|races|deployments|audit|…]`: one run, one table, all measured.

Starts a console of its own (or uses a running one: --run-json), measures, checks that every accepted alert
is a row, an entry and a message on every screen, and stops it again. Exit code 1 when anything is FAIL.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import (
    audit,
    deployments,
    hostile,
    hotlist,
    intake,
    limits,
    machine,
    memory,
    push,
    races,
    traces,
    video,
)
from bench.run import Run
from tests.running import RunningConsole
from tools import bench_options

Part = Callable[[Run], None]
#: What each word measures, each group on a console of its own. In `all` the board is still empty for the
#: video. A process that once had screens hears all messages from then on, and nobody listens to the peer: so
#: intake is saturated on a console that never had one.
PARTS: dict[str, tuple[tuple[Part, ...], ...]] = {
    "all": ((video.measure, limits.measure, intake.paced, push.measure), (intake.saturated,)),
    "intake": ((limits.measure, intake.signature, intake.paced, push.last_of_200), (intake.saturated,)),
    "push": ((limits.measure, push.measure),),
    "video": ((video.measure,),),
    "races": ((races.measure,),),
}
#: A breath between two parts, in seconds, so that one does not pay for the other.
BREATH_S = 2.0
#: Web processes of a console that is started for the measurement: one for each processor, as the peer has.
WEB = min(os.cpu_count() or 1, 2)
#: The publisher looks at the whole of a small log in each round: at the pace of production here.
ENV = {"CSOC_AUDIT_WITNESS_EVERY_S": "30"}


@contextlib.contextmanager
def console(run_json: Path | None, web: int = WEB) -> Iterator[tuple[dict[str, Any], Path]]:
    """The console under measurement: (run.json, its data directory)."""
    if run_json is not None:
        yield json.loads(run_json.read_text("utf-8")), run_json.parent
        return
    with tempfile.TemporaryDirectory(prefix="csoc-bench-") as folder:
        Path(folder).chmod(0o711)
        print("starting a console of its own …", flush=True)
        running = RunningConsole(Path(folder) / "data", "--quiet-trailers", "--web", str(web), env=ENV)
        try:
            # Inside, as whoever interrupts the start must not leave half a console behind.
            running.start()
            yield running.info, running.data
        finally:
            running.stop()


def main(words: list[str]) -> int:
    """Measure and print; 0 when nothing failed."""
    # Whoever ends us by a signal ends the console and the peer as well: the blocks that hold them are left.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    chosen = bench_options.read(words)
    if chosen.part == "audit":
        return audit.main(chosen)
    if chosen.part == "deployments":
        return deployments.main(chosen)
    if chosen.part == "hotlist":
        return hotlist.main(chosen)
    share = 5 if chosen.quick else 1
    if chosen.part in bench_options.OWN_COUNT:
        return alone(chosen, chosen.n // share)
    run = Run({}, n=max(10, chosen.n // share), rounds=2 if chosen.quick else 6, seed=chosen.seed)
    begun, head = time.monotonic(), ""
    for group in PARTS[chosen.part]:
        with console(chosen.run_json) as (info, folder):
            run = run.on(info)
            head = head or machine.facts(info["database_url"], folder)
            for part in group:
                _measured(part, run)
    took = time.monotonic() - begun
    print(f"\n{head}\n\n{run.table}\n\n{closing(run, took)}", flush=True)
    return int(bool(run.table.failures))


def _measured(part: Part, run: Run) -> None:
    name = f"{part.__module__.removeprefix('bench.')}, {part.__name__}"
    print(f"measuring: {name} …", flush=True)
    try:
        part(run)
    except Exception as error:
        # The other parts still have something to say; this one makes the run a failure.
        run.table.fail(f"{name}: {type(error).__name__}: {error}")
    time.sleep(BREATH_S)


def alone(chosen: Any, n: int) -> int:
    """The parts that look for faults instead of times: on a console that raises no alerts of its own."""
    with console(chosen.run_json, web=1) as (info, folder):
        print(machine.facts(info["database_url"], folder), flush=True)
        try:
            match chosen.part:
                case "hostile":
                    failed = hostile.measure(info, n, chosen.seed)
                case "memory":
                    failed = memory.measure(info, n)
                case _:
                    failed = traces.measure(info, folder, n, chosen.seed)
        except Exception as error:
            print(f"FAIL {type(error).__name__}: {error}")
            failed = 1
    print(f"at its end {machine.load()}", flush=True)
    return failed


def closing(run: Run, took: float) -> str:
    """The sums that must agree, and what failed."""
    lines = []
    if run.accepted:
        same = run.accepted == run.rows == run.entries
        told = f"alerts accepted {run.accepted}, rows {run.rows}, audit entries {run.entries}"
        lines.append(told + (": the same" if same else ": NOT the same"))
    if run.expected:
        lines.append(f"messages delivered {run.delivered} of {run.expected}")
    lines.append(f"one run of {took:.0f} s; seed {run.seed}; at its end {machine.load()}")
    lines += [f"FAIL {failure}" for failure in run.table.failures]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
