"""Reading ``multipart/form-data`` from memory: bounded, and nothing is ever written to a file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.adapters.picking import Malformed

MOST_PARTS = 16
BOUNDARY = re.compile(r'boundary="?([A-Za-z0-9\'()+_,./:=? -]{1,70})"?')
NAME = re.compile(r'\b(?:file)?name="([^"\r\n]{0,100})"')


@dataclass(frozen=True)
class Part:
    """One part: its field and file name together, its media type, its bytes."""

    name: str
    media_type: str
    body: bytes


def parts(raw: bytes, content_type: str) -> list[Part]:
    """Split a form; raises ``Malformed`` when it is none or has more than 16 parts."""
    found = BOUNDARY.search(content_type)
    if found is None:
        raise Malformed("a form without a boundary")
    pieces = (b"\r\n" + raw).split(b"\r\n--" + found[1].rstrip().encode())[1:]
    if not pieces or len(pieces) > MOST_PARTS or not pieces[-1].startswith(b"--"):
        raise Malformed("not a whole form")
    return [_part(piece) for piece in pieces[:-1]]


def _part(piece: bytes) -> Part:
    head, blank, body = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not blank or len(head) > 2048:
        raise Malformed("a part without a head")
    media_type, name = "", ""
    for line in head.decode("latin-1").split("\r\n"):
        field, _, value = line.partition(":")
        if field.strip().lower() == "content-type":
            media_type = value.strip().lower()
        elif field.strip().lower() == "content-disposition":
            name = " ".join(NAME.findall(value))
    return Part(name, media_type, body)


def field(raw: bytes, content_type: str, name: str) -> bytes:
    """Return the part of this name; raises ``Malformed`` without one."""
    for part in parts(raw, content_type):
        if name in part.name.split():
            return part.body
    raise Malformed(f"a form without {name}")


def first(raw: bytes, content_type: str, kind: str) -> bytes:
    """Return the first part whose media type or name speaks of ``kind``; raises ``Malformed`` without one."""
    for part in parts(raw, content_type):
        if kind in part.media_type or kind in part.name.lower():
            return part.body
    raise Malformed(f"a form without {kind}")
