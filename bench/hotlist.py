"""`console.py bench hotlist`: a list of a million plates comes in, is looked up, and goes out to a trailer.

On a database of its own, by the services, without a console in between: what is measured is the import.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench import machine
from bench.audit_place import Place, load_django, place
from bench.table import Goal, Table, percentile

ROWS = 1_000_000
LOOKUPS = 5000
IMPORT = Goal(15, 5, 3, "s")
LOOKUP = Goal(1, 0.3, 0.15)
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


def main(chosen: argparse.Namespace) -> int:
    """Measure and print; 0 when no floor is missed."""
    table, begun = Table(), time.monotonic()
    count = ROWS // (10 if chosen.quick else 1)
    with place() as made, tempfile.TemporaryDirectory(prefix="csoc-bench-") as folder:
        load_django(made)
        head = machine.facts(made.servers.url("csoc_app"), made.data)
        measured(table, made, Path(folder), count, chosen.seed)
    took = time.monotonic() - begun
    closing = [f"one run of {took:.0f} s; seed {chosen.seed}; at its end {machine.load()}"]
    closing += [f"FAIL {failure}" for failure in table.failures]
    print(f"\n{head}\n\n{table}\n\n" + "\n".join(closing), flush=True)
    return int(bool(table.failures))


def measured(table: Table, made: Place, folder: Path, count: int, seed: int) -> None:
    """Import, import again with a tenth changed, look up, hand out."""
    import audit
    from accounts import cast
    from accounts.services import acting
    from alerts import services
    from alerts.models import Hotlist
    from csoc.lib import clock

    people = {role: one["user"] for role, one in cast.create_cast(audit.system("bench")).items()}
    actor = people["supervisor"]
    # Both files say the same of the rows that they share: a later end would change every one of them.
    at = clock.now()
    for version, changed in ((1, 0), (2, count // 10)):
        file = folder / f"{version}.csv"
        manifest = write(file, count, changed, seed, version, at)
        print(f"importing {count:,} rows, {changed:,} of them new …", flush=True)
        before, begun = peak_mb(), time.monotonic()
        with acting(actor):
            services.import_hotlist(actor=actor, manifest_bytes=manifest, source=lambda f=file: read(f))
        took = time.monotonic() - begun
        name = "import of a first version" if version == 1 else "import with a tenth changed"
        # The goal is of a whole million.
        table.value(name, f"{took:.1f} s", count, IMPORT if count == ROWS else None, took)
        table.value("  peak memory of the process", f"{peak_mb():.0f} MB, before {before:.0f} MB", 1)
    hotlist = Hotlist.objects.get()
    limits(table, made, folder, hotlist, seed)
    lookups(table, hotlist, count, seed)
    handing_out(table, hotlist)


def write(path: Path, count: int, changed: int, seed: int, version: int, at: datetime) -> bytes:
    """Write a list of ``count`` different plates, the last ``changed`` of them new; return its manifest.

    at: the moment that the dates of the rows are reckoned from.
    """
    from csoc.lib import clock

    pick, now = random.Random(seed), clock.now()
    since, until = (str(clock.wire(at.replace(microsecond=0) + timedelta(days=d))) for d in (-1, 30))
    kinds = ("stolen_vehicle", "stolen_plate", "wanted_vehicle", "firearm_investigation")
    digest = hashlib.sha256()
    with path.open("wb") as file:
        lines = ["plate,jurisdiction,category,reference,valid_from,valid_to,action,priority\n"]
        for n in range(count):
            number = n if n < count - changed else n + count * 3
            plate = "".join(LETTERS[number // 23**k % 23] for k in range(5)) + f"{number % 97:02d}"
            lines.append(f"{plate},CA-ON,{pick.choice(kinds)},R-{number},{since},{until},,\n")
            if len(lines) == 10_000 or n == count - 1:
                raw = "".join(lines).encode()
                digest.update(raw)
                file.write(raw)
                lines.clear()
    told = {
        "list_id": "bench-on", "version": version, "issued_at": clock.wire(now), "rows": count,
        "valid_to": clock.wire(now + timedelta(days=2)), "authority": "Bench", "sha256": digest.hexdigest(),
    }  # fmt: skip
    return json.dumps(told).encode()


def read(path: Path) -> Iterator[bytes]:
    """The file in pieces of 1 MB, as the command reads it."""
    with path.open("rb") as file:
        while chunk := file.read(1_000_000):
            yield chunk


def peak_mb() -> float:
    """The most memory this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def limits(table: Table, made: Place, folder: Path, hotlist: Any, seed: int) -> None:
    """What PostgreSQL itself takes: the same rows by COPY into the same indexes, and one by its key."""
    source, file, pick, times = "alerts_hotlistentry", folder / "rows", random.Random(seed), []
    current = f"SELECT * FROM {source} WHERE removed_in IS NULL"
    with made.connect("postgres") as server, server.cursor() as cursor:
        cursor.execute(f"CREATE TABLE bench_copy (LIKE {source} INCLUDING ALL)")
        with file.open("wb") as kept, cursor.copy(f"COPY ({current}) TO STDOUT") as copy:
            kept.writelines(copy)
        begun = time.monotonic()
        with cursor.copy("COPY bench_copy FROM STDIN") as copy:
            for piece in read(file):
                copy.write(piece)
        took, rows = time.monotonic() - begun, cursor.rowcount
        query = f"{current} AND hotlist_id = %s AND entry_id = %s"
        for _ in range(LOOKUPS):
            entry = f"e-{1000 + pick.randrange(rows)}"
            begun = time.perf_counter()
            cursor.execute(query, [hotlist.pk, entry]).fetchone()
            times.append(time.perf_counter() - begun)
        cursor.execute("DROP TABLE bench_copy")
    table.limit("COPY of the same rows into a table with the same indexes", f"{took:.1f} s", rows)
    table.limit_times("SELECT of one entry by its key", times)


def lookups(table: Table, hotlist: Any, count: int, seed: int) -> None:
    """What intake asks for each hit: the entry by its id, judged against what was read."""
    from alerts import hotlists
    from alerts.models import CATEGORIES, HotlistEntry
    from alerts.schemas import AlprHit, HotlistReference
    from csoc.lib import clock

    pick, times = random.Random(seed), []
    top = HotlistEntry.objects.filter(hotlist=hotlist).order_by("-pk").values_list("pk", flat=True)[0]
    sample = HotlistEntry.objects.filter(pk__in=[pick.randrange(1, top) for _ in range(LOOKUPS)])
    for entry in sample.filter(removed_in__isnull=True):
        told = HotlistReference(list_id=hotlist.list_id, version=hotlist.version, entry_id=entry.entry_id)
        hit = AlprHit(
            plate=entry.plate, jurisdiction=entry.jurisdiction, confidence=0.9, match="exact", hotlist=told
        )
        now, begun = clock.now(), time.perf_counter()
        hotlists.match(hit, categories=CATEGORIES, agency_id=hotlist.agency_id, at=now)
        times.append(time.perf_counter() - begun)
    compared(table, f"a hit judged against {count:,} entries", times)


def handing_out(table: Table, hotlist: Any) -> None:
    """The whole list as a trailer gets it, and how the agent takes it in and compares."""
    from agent.hotlist import PlateList
    from agent.signing import unb64url
    from alerts import handing_out as door
    from alerts.models import CATEGORIES, HotlistEntry
    from csoc.lib import canonical, clock
    from trailers import consolekey

    version = hotlist.versions.get(version=hotlist.version)
    raw = canonical.dumps(door.state_of(version, hotlist.list_id, sorted(CATEGORIES)))
    digest = hashlib.sha256(raw).hexdigest()
    cut = door.Cut(hotlist, version, sorted(CATEGORIES), digest, consolekey.sign(raw))
    handed = door.Handed(cut, door._head(cut, None, cut.entries, 0), None)

    async def whole() -> bytes:
        return b"".join([piece async for piece in door.streamed(handed, packed=False)])

    begun = time.monotonic()
    body = asyncio.run(whole())
    took = time.monotonic() - begun
    table.value("the whole list handed out", f"{took:.1f} s, {len(body) / 1e6:.0f} MB unpacked", cut.entries)
    with tempfile.TemporaryDirectory() as folder:
        [key] = consolekey.public_keys()
        held = PlateList(Path(folder), "TRL-0007", {key["kid"]: unb64url(key["public_key"])})
        begun = time.monotonic()
        held.take(iter(body.decode().splitlines()), None)
        took = time.monotonic() - begun
        table.value("  verified, indexed and sealed by the agent", f"{took:.1f} s", len(held))
        known = HotlistEntry.objects.filter(hotlist=hotlist, removed_in__isnull=True).order_by("plate")
        times = []
        for plate in known.values_list("plate", flat=True)[:LOOKUPS]:
            begun = time.perf_counter()
            held.match(plate, "CA-ON", clock.now())
            times.append(time.perf_counter() - begun)
        compared(table, "  a read compared on the trailer", times)


def compared(table: Table, name: str, seconds: list[float]) -> None:
    """A line of look-ups, in microseconds; the goal judges the p99."""
    p50, p99 = (1000 * percentile(seconds, share) for share in (0.5, 0.99))
    table.value(name, f"p50 {1000 * p50:.0f} us, p99 {1000 * p99:.0f} us", len(seconds), LOOKUP, p99)
