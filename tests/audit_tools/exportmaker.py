"""Exports made by hand from docs/audit-format.md: it imports neither `audit` nor the tools.

A test makes a world, changes one thing in it as a forger would, and hands the bytes to the verifier.
"""

import hashlib
import hmac
import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.audit_tools.logmaker import COSIGNATURE, Key, b64, body, inclusion, leaf, node, note, root

START = datetime(2026, 11, 21, 22, 4, 5, 123456, UTC)
ORIGIN = "log.example/audit"


def canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class World:
    """A whole log: ``lines``, ``values`` (details by commitment), its keys, one witness."""

    def __init__(self, origin: str = ORIGIN) -> None:
        self.origin, self.keys, self.witness = origin, [Key(origin)], Key("witness.example/one", COSIGNATURE)
        self.lines: list[str] = []
        self.rows: list[dict[str, Any]] = []
        self.values: dict[str, tuple[bytes, Any]] = {}
        self.rotations: list[int] = []
        self.last: dict[str, tuple[int, int]] = {}
        self.at = START
        self.levels: list[list[bytes]] = [[]]

    def commit(self, value: Any) -> str:
        """Keep a detail and return its commitment."""
        salt = hashlib.sha256(str(len(self.values)).encode()).digest()
        commitment = hmac.new(salt, canonical(value).encode(), hashlib.sha256).hexdigest()
        self.values[commitment] = (salt, value)
        return commitment

    def add(
        self,
        verb: str = "alert.view",
        who: str = "u-1",
        what: str = "alert:a",
        at: datetime | None = None,
        **more: Any,
    ) -> int:
        """Append one entry; returns its index. A second passes between entries."""
        self.at += timedelta(seconds=1)
        kind, _, ident = what.partition(":")
        i = len(self.lines)
        entry = {
            "v": 1,
            "uid": f"0199f3a1-7c00-7000-8000-{i:012x}",
            "actor": {
                "kind": "person",
                "id": who,
                "badge": "4471",
                "role": "dispatcher",
                "agency": "DEMO-PS",
                "name": "Avery Singh",
            },
            "verb": verb,
            "object": {"type": kind, "id": ident, "agency": "DEMO-PS"},
            "outcome": {"result": "allowed"},
            **more,
        }
        actor, ref = self.last.get("actor " + who), self.last.get("object " + what)
        self.last["actor " + who] = (i, actor[1] + 1 if actor else 1)
        self.last["object " + what] = (i, ref[1] + 1 if ref else 1)
        self.put(
            {
                "e": entry,
                "i": i,
                "na": self.last["actor " + who][1],
                "no": self.last["object " + what][1],
                "pa": actor[0] if actor else None,
                "po": ref[0] if ref else None,
                "t": stamp(at or self.at),
            }
        )
        return i

    def put(self, line: dict[str, Any] | str) -> None:
        """Append any line: what a forger who holds the log's key would write."""
        self.lines.append(line if isinstance(line, str) else canonical(line))
        self.rows.append(line if isinstance(line, dict) else {"e": {"verb": ""}})
        self.levels[0].append(leaf(self.lines[-1]))

    def leaves(self) -> list[str]:
        """A census's leaves of everything so far."""
        pairs = [(*key.partition(" ")[::2], *last) for key, last in self.last.items()]
        return [canonical(list(one)) for one in sorted(pairs, key=lambda one: (one[0], one[1].encode()))]

    def census(self, who: str = "system", leaves: list[str] | None = None) -> tuple[int, list[str]]:
        """Append a census; returns its index and its leaves."""
        leaves = self.leaves() if leaves is None else leaves
        actors = sum(one.startswith('["actor"') for one in leaves)
        tree = root([leaf(one) for one in leaves]).hex()
        census = {"actors": actors, "objects": len(leaves) - actors, "root": tree, "size": len(self.lines)}
        return self.add("log.census", who, "log:log", census=census), leaves

    def rotate(self) -> None:
        """The log gets a new key; the next checkpoint is signed by both."""
        self.keys.append(Key(self.origin, seed=hashlib.sha256(f"{len(self.keys)}".encode()).digest()))
        self.add("log.rotate", "system", "log:log", vkey=self.keys[-1].vkey)
        self.rotations.append(len(self.lines))

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        """Full nodes of 2^level leaves."""
        for up in range(1, level + 1):
            if up == len(self.levels):
                self.levels.append([])
            below, mine = self.levels[up - 1], self.levels[up]
            for n in range(len(mine), len(below) // 2):
                mine.append(node(below[2 * n], below[2 * n + 1]))
        return self.levels[level][start:stop]

    def root(self, size: int) -> bytes:
        """The RFC 6962 root from full nodes: peaks from the right."""
        total, at = b"", size
        for level in range(size.bit_length()):
            if size >> level & 1:
                at -= 1 << level
                peak = self.hashes(level, at >> level, (at >> level) + 1)[0]
                total = node(peak, total) if total else peak
        return total

    def checkpoint(self, size: int | None = None, *signers: Key, at: int | None = None) -> str:
        size = len(self.lines) if size is None else size
        at = int(self.at.timestamp()) + 5 if at is None else at
        return note(
            body(self.origin, size, self.root(size)), *(signers or (self.keys[-1], self.witness)), at=at
        )

    def rotation(self, k: int) -> str:
        """Rotation k, from 1."""
        return self.checkpoint(self.rotations[k - 1], self.keys[k - 1], self.keys[k], self.witness)


def tile_name(level: int, n: int, width: int) -> str:
    digits = f"{n:03}" if n < 1000 else f"{n:0{-(-len(str(n)) // 3) * 3}}"
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join(["x" + one for one in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < 256 else "")


def tiles(world: World, size: int, indexes: Iterable[int], roots: Iterable[int] = ()) -> dict[str, bytes]:
    """The tiles an export of these lines needs: by the page, in the slowest and plainest way."""
    wanted = {(0, i // 256) for i in indexes}
    for one in (size, *roots):
        for level in range(8):
            count = one // 256**level
            if count % 256:
                wanted.add((level, count // 256))
    for level, n in sorted(wanted):
        while (n + 1) * 256 ** (level + 1) <= size:
            level, n = level + 1, n // 256
            wanted.add((level, n))
    found = {}
    for level, n in sorted(wanted):
        stop = min((n + 1) * 256, size // 256**level)
        found[tile_name(level, n, stop - n * 256)] = b"".join(world.hashes(8 * level, n * 256, stop))
    return found


def zipped(members: dict[str, bytes]) -> bytes:
    """The container of the page, byte for byte, in the order given."""
    out, central = bytearray(), bytearray()
    for name, data in members.items():
        raw = name.encode()
        fields = struct.pack(
            "<HHHHIIIHH", 0x0800, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(raw), 0
        )
        central += (
            b"PK\x01\x02"
            + struct.pack("<HH", 20, 20)
            + fields
            + struct.pack("<HHHII", 0, 0, 0, 0, len(out))
            + raw
        )
        out += b"PK\x03\x04" + struct.pack("<H", 20) + fields + raw + data
    end = struct.pack(
        "<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(members), len(members), len(central), len(out), 0
    )
    return bytes(out + central + end)


class Made:
    """An export: ``members`` in order, to be changed at will; ``zip()``, ``write(path)``."""

    def __init__(self, members: dict[str, bytes]) -> None:
        self.members = members

    def zip(self) -> bytes:
        return zipped(self.members)

    def write(self, path: Path) -> Path:
        path.write_bytes(self.zip())
        return path


def export(
    world: World,
    kind: str = "range",
    subject: str = "",
    chosen: Sequence[int] | None = None,
    also: Sequence[int] = (),
    details: bool = True,
    census: tuple[int, list[str]] | None = None,
    at: int | None = None,
    **changes: Any,
) -> Made:
    """Export from ``world`` (which grows by a census where one is needed, and by the seal).

    chosen: indexes, else all lines that fit. ``changes`` replaces parts of the manifest: a sealed lie.
    """
    size = len(world.lines)
    if kind in ("actor", "object") and census is None:
        census = world.census()
    if chosen is None:
        chosen = [
            n for n in range(size) if kind in ("range", "question") or _of(world.rows[n])[kind] == subject
        ]
    helping = ("detail.erase", "log.rotate", "log.halt", "log.prune")
    erased = [n for n, row in enumerate(world.rows) if row["e"]["verb"] in helping]
    support = sorted({*erased, *([census[0]] if census else [])} - set(chosen))
    members = {"README.txt": b"Read me.\n", "manifest.json": b""}
    members["lines.jsonl"] = "".join(world.lines[i] + "\n" for i in chosen).encode()
    members["support.jsonl"] = "".join(world.lines[i] + "\n" for i in support).encode()
    if census and kind in ("actor", "object"):
        members["census.json"] = canonical(_proof(world, census, kind, subject)).encode()
    if details:
        members["details.jsonl"] = _details(world, chosen)
    members["keys.txt"] = "".join(key.vkey + "\n" for key in [*world.keys, world.witness]).encode()
    for k in range(1, len(world.keys)):
        members[f"rotations/{k}.txt"] = world.rotation(k).encode()
    members["verify_audit.py"] = b"# a copy of the verifier\n"
    files = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in members.items()
    }
    del files["manifest.json"]
    manifest = {
        "also": list(also),
        "details": "included" if details else "left out",
        "entries": len(chosen),
        "files": files,
        "first": chosen[0] if chosen else None,
        "format": "csoc-audit-export/1",
        "kind": kind,
        "last": chosen[-1] if chosen else None,
        "origin": world.origin,
        "question": "",
        "recipient": "The commissioner",
        "reference": "PR-2026-7",
        "size": len(world.lines),
        "subject": subject,
        "support": len(support),
        **changes,
    }
    members["manifest.json"] = canonical(manifest).encode()
    seal = world.add(
        "audit.export", "u-9", "export:x", digest=hashlib.sha256(members["manifest.json"]).hexdigest()
    )
    members["seal.jsonl"] = (world.lines[seal] + "\n").encode()
    members["checkpoint.txt"] = world.checkpoint(at=at).encode()
    return Made(
        members | tiles(world, len(world.lines), [*chosen, *support, seal], [*also, *world.rotations])
    )


def _of(row: dict[str, Any]) -> dict[str, str]:
    entry = row["e"]
    return {"actor": entry["actor"]["id"], "object": f"{entry['object']['type']}:{entry['object']['id']}"}


def _proof(world: World, census: tuple[int, list[str]], kind: str, subject: str) -> dict[str, Any]:
    index, leaves = census
    position = next(n for n, one in enumerate(leaves) if json.loads(one)[:2] == [kind, subject])
    proof = [b64(one) for one in inclusion(position, [leaf(one) for one in leaves])]
    return {
        "census": index,
        "leaf": leaves[position],
        "leaves": len(leaves),
        "position": position,
        "proof": proof,
    }


def _details(world: World, chosen: Sequence[int]) -> bytes:
    wanted = set()
    for i in chosen:
        entry = world.rows[i]["e"]
        wanted |= {entry[name] for name in ("old", "new", "detail") if name in entry}
    rows = [
        {"commitment": one, "salt": b64(world.values[one][0]), "value": world.values[one][1]}
        for one in sorted(wanted & world.values.keys())
    ]
    return "".join(canonical(row) + "\n" for row in rows).encode()
