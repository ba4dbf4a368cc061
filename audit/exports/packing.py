"""The last part of an export: the seal's line, the signed checkpoint, the tiles, and all of it as one zip."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import connection

from audit import nodes, tiles
from audit.checkpoints import Cosignature, Stored
from audit.exports import folder
from audit.exports.archive import MAX_MEMBERS, Archive, TooLarge
from audit.exports.progress import Progress
from audit.exports.reading import TILES
from audit.notes import BadNote, MissingKey, VerifierKey, WrongKey, open_note
from audit.tiles import WIDTH

#: The members before the seal, in the archive's order; rotations stand where the star is.
FIRST = ("lines.jsonl", "support.jsonl", "census.json", "details.jsonl", "keys.txt", "*", "verify_audit.py")


class Damaged(Exception):
    """What the seal covers is no longer there, or no longer fits: the build begins again."""


@dataclass(frozen=True)
class Packed:
    """The finished zip: where, its bytes and SHA-256 (hex), the checkpoint's size, its witnesses' names."""

    path: Path
    bytes: int
    sha256: str
    size: int
    witnesses: list[str]


def manifest(work: Path, digest: bytes) -> dict[str, Any]:
    """Return the sealed manifest. Errors: Damaged."""
    try:
        raw = (work / "manifest.json").read_bytes()
    except OSError:
        raise Damaged("the manifest is gone") from None
    if sha256(raw).digest() != digest:
        raise Damaged("the manifest is not the one that was sealed")
    found: dict[str, Any] = json.loads(raw)
    return found


def note(work: Path, stored: Stored, cosigned: list[Cosignature]) -> str:
    """Return the note that everything is proven to, with the cosignatures of witnesses in keys.txt.

    Errors: Damaged when the log or every witness signs with a key that the sealed keys.txt does not have.
    """
    keys = [VerifierKey.parse(text) for text in (work / "keys.txt").read_text("utf-8").split()]
    text = stored.note + "".join(f"{one.line}\n" for one in cosigned if one.vkey in keys)
    try:
        opened = open_note(text, keys, strict=True)
    except (BadNote, MissingKey, WrongKey) as error:
        raise Damaged(str(error)) from None
    if not opened.cosignatures:
        raise Damaged("the witnesses have other keys now")
    return text


def pack(
    work: Path,
    digest: bytes,
    seal: tuple[int, str],
    stored: Stored,
    cosigned: list[Cosignature],
    progress: Progress,
) -> Packed:
    """Write the zip in ``work``. ``seal``: its entry's index and line.

    Errors: Damaged, TooLarge, Stopped, nodes.NodeMissing, OSError.
    """
    listed = manifest(work, digest)["files"]
    signed = note(work, stored, cosigned)
    told = json.loads((work / TILES).read_text())
    starts = [tile * WIDTH for tile in told["tiles"]]
    wanted = tiles.tiles_for([*starts, seal[0]], stored.size, told["roots"])
    if len(wanted) + len(listed) + 3 > MAX_MEMBERS:
        raise TooLarge("too many tiles")
    progress.phase("packing", len(wanted))
    path = work / f"{uuid4().hex}.zip"
    with folder.new_file(path) as file:
        archive = Archive(file)
        archive.add("README.txt", _checked(work, "README.txt", listed))
        archive.add("manifest.json", folder.read(work / "manifest.json"))
        for name in _in_order(listed):
            archive.add(name, _beating(_checked(work, name, listed), progress))
        archive.add("seal.jsonl", [seal[1].encode() + b"\n"])
        archive.add("checkpoint.txt", [signed.encode()])
        for tile, content in tiles.each(nodes.reader(connection), wanted):
            archive.add(tile.path, [content])
            progress.step()
        size = archive.finish()
    names = sorted(one.vkey.name for one in cosigned if f"{one.line}\n" in signed)
    return Packed(path, size, folder.digest(path), stored.size, names)


def _in_order(listed: dict[str, Any]) -> Iterator[str]:
    rotations = sum(name.startswith("rotations/") for name in listed)
    for name in FIRST:
        if name == "*":
            yield from (f"rotations/{k}.txt" for k in range(1, rotations + 1))
        elif name in listed:
            yield name


def _checked(work: Path, name: str, listed: dict[str, Any]) -> Iterator[bytes]:
    """Yield a file's pieces. Errors: Damaged after the last one, when it is not the one that was sealed."""
    found = sha256()
    try:
        for chunk in folder.read(work / name):
            found.update(chunk)
            yield chunk
    except FileNotFoundError:
        raise Damaged(f"{name} is gone") from None
    if found.hexdigest() != listed[name]["sha256"]:
        raise Damaged(f"{name} is not the one that was sealed")


def _beating(chunks: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    for chunk in chunks:
        progress.step(0)
        yield chunk
