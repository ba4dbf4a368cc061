"""How fast an outsider checks an export: the real file, built as the exporter does, by the real program.

Entries go through the sequencer, the publisher asks a witness, two people stand behind the request; then
`tools/verify_audit.py` runs as its reader would run it, with two public keys and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from bench.audit_place import ROOT, Place
from bench.audit_writing import Writer
from csoc.demo_witness import DemoWitness
from csoc.ports import free_ports

VERIFIER = ROOT / "tools" / "verify_audit.py"
FILL = "COPY audit_inbox (uid, body) FROM STDIN"


@dataclass(frozen=True)
class Speed:
    """Entries a second of one export: filling the log, hashing alone, and every check of the program."""

    entries: int
    sequenced: float
    hashed: float
    checked: float
    #: The same with one process.
    checked_alone: float
    verdict: str


def fill(place: Place, count: int, seed: int) -> float:
    """Put ``count`` entries into the inbox; return how many a second the sequencer placed and signed."""
    import audit
    from csoc.lib.ids import uuid7

    writers = [Writer(number, seed) for number in range(40)]
    with place.connect() as connection, connection.cursor() as cursor, cursor.copy(FILL) as copy:
        for number in range(count):
            writer, uid = writers[number % len(writers)], uuid7()
            with writer._acting_as(writer.actor):
                ref = writer.random.choice(writer.refs)
                copy.write_row((uid, audit.body("alert.view", ref, uid=uid, reason=writer.reason).decode()))
    return count / place.drained(600)


def measure(place: Place, count: int, seed: int) -> Speed:
    """Fill, export, verify."""
    sequenced = fill(place, count, seed)
    with _witnessed(place) as witness:
        path, entries = _export(place)
        keys = ["--log-key", *witness.log_vkeys, "--witness-key", witness.vkey]
        checked, verdict = _verify(path, keys)
        alone, _verdict = _verify(path, [*keys, "--jobs", "1"])
    return Speed(entries, sequenced, entries / _hash(path), entries / checked, entries / alone, verdict)


@contextlib.contextmanager
def _witnessed(place: Place) -> Iterator[DemoWitness]:
    witness = DemoWitness(place.data / "witness", free_ports(1)[0])
    with place.connect() as connection:
        rows = connection.execute("SELECT vkey FROM audit_log_key ORDER BY generation, n").fetchall()
    witness.prepare([vkey for (vkey,) in rows])
    witness.enlist(place.data / "witnesses.txt")
    process = subprocess.Popen(
        witness.command, cwd=ROOT, env=witness.environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with place.running("audit_publish", "csoc_publisher"):
            yield witness
    finally:
        process.terminate()
        process.wait(10)


def _export(place: Place) -> tuple[Path, int]:
    """Ask for the whole log, approve it as a second person, build it; return the zip and its entries."""
    import audit
    from accounts import cast
    from accounts.selectors import actor_of
    from audit.exports import building, folder, services
    from audit.exports.services import Wanted

    people = {role: one["user"] for role, one in cast.create_cast(audit.system("bench")).items()}
    place.drained()
    with place.connect() as connection:
        size = connection.execute("SELECT max(idx) FROM audit_log").fetchone()[0]
    wanted = Wanted(
        kind="range", first=0, last=size, reason="oversight-review", reference="BENCH-1", recipient="Bench"
    )
    with audit.acting_as(actor_of(people["privacy_officer"])):
        name = services.ask_export(actor=people["privacy_officer"], wanted=wanted).name
    with audit.acting_as(actor_of(people["supervisor"])):
        services.approve_export(actor=people["supervisor"], name=name)
    built = building.build(name)
    if built is None or built.state != "ready" or built.entries is None:
        raise RuntimeError(f"the export was not built: {built and (built.state, built.fault)}")
    return folder.finished(name), built.entries


def _verify(path: Path, words: list[str]) -> tuple[float, str]:
    """Run the program on a Python without the project; return its seconds and first sentence."""
    command = [sys.executable, "-I", str(VERIFIER), str(path), *words]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    took = time.perf_counter() - begun
    return took, (done.stdout or done.stderr).splitlines()[0] + f" (status {done.returncode})"


def _hash(path: Path) -> float:
    """Return the seconds of leaf hashes and the whole tree over the export's lines, read once before."""
    with zipfile.ZipFile(path) as file:
        lines = file.read("lines.jsonl").split(b"\n")[:-1]
    verifier = _program()
    begun = time.perf_counter()
    sha256 = hashlib.sha256
    leaves = [sha256(b"\0" + line).digest() for line in lines]
    level = [b"".join(leaves[start : start + 256]) for start in range(0, len(leaves) - 255, 256)]
    for tile in level:
        verifier.perfect(tile)
    return time.perf_counter() - begun


def _program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_audit", VERIFIER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
