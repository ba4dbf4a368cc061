"""Reads what an export holds into a private folder, and returns its manifest. Nothing is sealed here."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from audit import census, checkpoints, selectors
from audit.context import acting_as
from audit.entry import canonical
from audit.exports import folder, readme, scope
from audit.exports.archive import MAX_BYTES
from audit.exports.details import Details
from audit.exports.progress import Progress
from audit.models import Entry, ExportRequest, LogKey
from audit.notes import VerifierKey
from audit.tiles import WIDTH
from audit.wait import NotSealed, wait

FORMAT = "csoc-audit-export/1"
#: What the builder needs again after the seal; not a part of the export.
TILES = "tiles.txt"
VERIFIER = Path(settings.BASE_DIR) / "tools" / "verify_audit.py"
ROTATE = "log.rotate"
#: A clock counts anew after a halt, and a chain may begin after what was pruned.
BREAKS = ("log.halt", "log.prune")
#: A detail that the purge is erasing right now gets its line within seconds.
ERASURE_WITHIN_S = 30.0
SEALED_WITHIN_S = 60.0


class GiveUp(Exception):
    """This request can never be built; ``code`` has a sentence on the page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Read:
    """What was read: the manifest, its file's SHA-256, and what the seal's entry and the row tell of it."""

    manifest: dict[str, Any]
    digest: bytes
    entries: int
    missing: int
    due: datetime | None


@dataclass
class _Seen:
    """Of the lines written so far: how many, first and last index, and their tiles (level 0)."""

    entries: int = 0
    bytes: int = 0
    first: int | None = None
    last: int | None = None
    tiles: set[int] = field(default_factory=set)
    support: dict[int, str] = field(default_factory=dict)


def read(request: ExportRequest, work: Path, progress: Progress) -> Read:
    """Write every file of the manifest into ``work``. Errors: GiveUp, Stopped, NotSealed, OSError."""
    work.mkdir(mode=0o700)
    progress.phase("counting")
    top = selectors.size()
    total, foreign = scope.count(request, top)
    if foreign:
        raise GiveUp("other-agencies")
    if not total and request.kind in ("actor", "object"):
        raise GiveUp("nothing-found")
    seen, files = _Seen(), {}
    if request.kind in ("actor", "object"):
        progress.phase("census")
        top, files["census.json"] = _census(request, work, seen)
    progress.phase("lines", total)
    details = Details(work / "details.scratch") if request.details else None
    files["lines.jsonl"] = folder.write(work / "lines.jsonl", _lines(request, top, seen, details, progress))
    missing = 0
    if details:
        progress.phase("details")
        missing = _details(details, work, files, seen, progress)
    keys, roots = _keys(work, files, seen)
    seen.support |= dict(Entry.objects.filter(verb__in=BREAKS).values_list("idx", "line"))
    _not_twice(request, top, seen)
    files["support.jsonl"] = folder.write(work / "support.jsonl", _support(seen))
    files["verify_audit.py"] = folder.write(work / "verify_audit.py", [VERIFIER.read_bytes()])
    origin = VerifierKey.parse(keys[0]).name
    text = readme.text(request, origin=origin, entries=seen.entries, keys=keys, missing=missing)
    files["README.txt"] = folder.write(work / "README.txt", [text.encode()])
    also = [request.also] if request.also else []
    _tiles(work, seen, roots + also)
    manifest = _manifest(request, seen, files, also) | {"origin": origin}
    raw = canonical(manifest).encode()
    written = folder.write(work / "manifest.json", [raw])
    digest = bytes.fromhex(str(written["sha256"]))
    return Read(manifest, digest, seen.entries, missing, details.earliest if details else None)


def _census(request: ExportRequest, work: Path, seen: _Seen) -> tuple[int, dict[str, object]]:
    """Take a census and prove this key's leaf in it; return how many lines it counts, and its file."""
    taken = census.take(request.kind, request.subject)
    if taken.counted.position is None:
        raise GiveUp("nothing-found")
    idx = wait(taken.receipt, "sealed", timeout_s=SEALED_WITHIN_S)
    proof = census.prove(taken.counted)
    seen.support[idx] = Entry.objects.values_list("line", flat=True).get(idx=idx)
    member = {
        "census": idx,
        "leaf": taken.counted.leaf,
        "leaves": taken.counted.leaves,
        "position": taken.counted.position,
        "proof": [base64.b64encode(value).decode() for value in proof],
    }
    return taken.size, folder.write(work / "census.json", [canonical(member).encode()])


def _lines(
    request: ExportRequest, top: int, seen: _Seen, details: Details | None, progress: Progress
) -> Iterator[bytes]:
    for batch in scope.batches(request, top):
        if seen.first is None:
            _from_the_first(request, batch[0][1])
            seen.first = batch[0][0]
        if details:
            details.add(batch)
        for idx, line in batch:
            seen.tiles.add(idx // WIDTH)
            raw = line.encode() + b"\n"
            seen.bytes += len(raw)
            yield raw
        if seen.bytes > MAX_BYTES:
            raise GiveUp("too-large")
        seen.entries += len(batch)
        seen.last = batch[-1][0]
        progress.step(len(batch))
    if request.kind == "range" and seen.entries != (request.last or 0) - (request.first or 0) + 1:
        raise GiveUp("gap")


def _from_the_first(request: ExportRequest, line: str) -> None:
    """Refuse to call complete what begins in the middle, unless the log was pruned before it."""
    count = {"actor": "na", "object": "no"}.get(request.kind)
    if count and json.loads(line)[count] != 1 and not Entry.objects.filter(verb="log.prune").exists():
        raise GiveUp("gap")


def _details(details: Details, work: Path, files: dict[str, Any], seen: _Seen, progress: Progress) -> int:
    deadline = time.monotonic() + ERASURE_WITHIN_S
    while (missing := details.explain_absent()) and time.monotonic() < deadline:
        progress.beat()
        time.sleep(1)
    files["details.jsonl"] = folder.write(work / "details.jsonl", details.lines())
    seen.support |= dict(details.erasures())
    details.close()
    return missing


def _keys(work: Path, files: dict[str, Any], seen: _Seen) -> tuple[list[str], list[int]]:
    """Write the keys and the checkpoints at which they changed; return the keys and those sizes."""
    own = list(LogKey.objects.order_by("generation", "n"))
    own = [key for key in own if key.generation == own[-1].generation]
    if not own:
        raise GiveUp("no-key")
    keys = [key.vkey for key in own] + [witness.vkey.text for witness in checkpoints.witnesses()]
    files["keys.txt"] = folder.write(work / "keys.txt", [f"{key}\n".encode() for key in keys])
    sizes = []
    for number, (idx, line) in enumerate(_rotations(own), 1):
        stored = checkpoints.covering(idx)
        if stored is None:
            raise NotSealed(f"the rotation at {idx} has no checkpoint yet")
        seen.support[idx] = line
        name = f"rotations/{number}.txt"
        files[name] = folder.write(work / name, [stored.note.encode()])
        sizes.append(stored.size)
    return keys, sizes


def _rotations(own: list[LogKey]) -> list[tuple[int, str]]:
    """Return the lines that announced the log's present keys, oldest first."""
    rows = Entry.objects.filter(verb=ROTATE, outcome="allowed", idx__gte=own[0].from_size)
    announced = {key.vkey for key in own}
    found = rows.order_by("idx").values_list("idx", "line")
    return [(idx, line) for idx, line in found if json.loads(line)["e"].get("vkey") in announced]


def _not_twice(request: ExportRequest, top: int, seen: _Seen) -> None:
    """Leave out of the support what was asked for anyway."""
    with acting_as(scope.reader(request)):
        asked = scope.lines(request, top).filter(idx__in=list(seen.support))
        for idx in asked.values_list("idx", flat=True):
            del seen.support[idx]


def _support(seen: _Seen) -> Iterator[bytes]:
    """Yield the lines that the proof needs and nobody asked for."""
    for idx, line in sorted(seen.support.items()):
        yield line.encode() + b"\n"
        seen.tiles.add(idx // WIDTH)


def _tiles(work: Path, seen: _Seen, roots: list[int]) -> None:
    """Keep which tiles and roots the zip needs: its last part is made after the seal, perhaps by another."""
    told = {"roots": sorted(set(roots)), "tiles": sorted(seen.tiles)}
    folder.write(work / TILES, [json.dumps(told).encode()])


def _manifest(request: ExportRequest, seen: _Seen, files: dict[str, Any], also: list[int]) -> dict[str, Any]:
    return {
        "also": also,
        "details": "included" if request.details else "left out",
        "entries": seen.entries,
        "files": files,
        "first": seen.first,
        "format": FORMAT,
        "kind": request.kind,
        "last": seen.last,
        "question": request.question,
        "recipient": request.recipient,
        "reference": request.reference,
        "size": selectors.size(),
        "subject": request.subject,
        "support": len(seen.support),
    }
