"""Consent documents: looked at before anything is kept, then kept sealed, never in the clear on a disk.

What a file is its bytes say, never its name or the browser. The digest is that of the bytes as they were
uploaded, and these are kept: only so can anybody prove later what was signed. What people open is, for an
image, a copy of the pixels alone: a phone writes its place and time into a picture, and nobody who reads
a consent needs them.

Parsing happens in a process of its own (``deployments.looking``), at most ``AT_ONCE`` in a web process.
"""

import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.utils.translation import gettext as _

from csoc.lib import keyfiles
from csoc.lib.errors import Refused
from deployments.looking import MAX_BYTES, MAX_PAGES, MAX_PIXELS
from vault import records

LOOKING = Path(__file__).with_name("looking.py")
#: 1 GB at most each, whatever is uploaded (``looking.MEMORY_BYTES``).
AT_ONCE = 2
#: Waiting for a free place, and for the answer of a process that is limited to 2 s of computing.
PLACE_S = 5.0
ANSWER_S = 10.0
#: So many more may wait for a place: threads that wait here answer no alert.
WAITING = 3
_places = threading.BoundedSemaphore(AT_ONCE)
_door = threading.BoundedSemaphore(AT_ONCE + WAITING)

FOLDER = "records"
EXTENSIONS = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png", "text/html": "html"}


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was looked at. ``bytes_``: as uploaded; ``shown``: what people open."""

    media_type: str
    sha256: str
    pages: int
    bytes_: bytes = field(repr=False)
    shown: bytes = field(repr=False)


def check(data: bytes) -> Document:
    """Look at an uploaded file and return it.

    Errors: Refused ``document-missing``, ``document-too-large``, ``document-type``, ``document-program``,
    ``document-encrypted``, ``document-too-long``, ``document-active``, ``document-too-many-pixels``,
    ``document-broken`` (422, too large 413), ``unavailable`` (503) when too many are looked at already.
    """
    if not data:
        raise Refused("document-missing", _("Choose the signed consent: a PDF, a JPEG or a PNG."), 422)
    if len(data) > MAX_BYTES:
        raise _refusal("document-too-large", 0, len(data))
    answer, shown = _ask(data)
    if "code" in answer:
        raise _refusal(str(answer["code"]), int(answer["n"]), len(data))
    return Document(
        media_type=str(answer["type"]),
        sha256=hashlib.sha256(data).hexdigest(),
        pages=int(answer["pages"]),
        bytes_=data,
        shown=shown or data,
    )


def store(document: Document, record: UUID) -> str:
    """Seal a document under its record and keep it; return its name, which says nothing about it.

    The file stays if the caller's transaction rolls back: it goes with its record. Errors: vault.Gone.
    """
    name = f"{FOLDER}/{record}/{secrets.token_hex(8)}"
    parts = {"original": document.bytes_, "shown": document.shown}
    for part, content in parts.items():
        path = f"{name}.{part}"
        sealed = records.seal(record, path, content)
        kept = default_storage.save(path, ContentFile(sealed))
        _durable(kept)
    return name


def fetch(record: UUID, name: str, *, original: bool = False) -> bytes:
    """Return the document to show, or the bytes as they were uploaded.

    Errors: vault.Gone when the record is destroyed; FileNotFoundError when there is no such document of
    this record; sealing.SealBroken when its bytes were changed.
    """
    if not name.startswith(f"{FOLDER}/{record}/"):
        raise FileNotFoundError(name)
    path = f"{name}.{'original' if original else 'shown'}"
    with default_storage.open(path, "rb") as file:
        return records.unseal(record, path, file.read())


def as_attachment(content: bytes, media_type: str, stem: str) -> HttpResponse:
    """Return the answer that hands a document out: saved, never rendered by us. ``stem`` is ours (ASCII)."""
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{stem}.{EXTENSIONS[media_type]}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "no-store"
    return response


def delete_files(gone: Sequence[UUID]) -> int:
    """Delete the files of destroyed records; for ``vault.records.register_gone``. Return how many."""
    count = 0
    for record in gone:
        folder = f"{FOLDER}/{record}"
        try:
            names = default_storage.listdir(folder)[1]
        except FileNotFoundError:
            continue
        for name in names:
            default_storage.delete(f"{folder}/{name}")
            count += 1
        default_storage.delete(folder)
    return count


def _ask(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Let the other process look. What kills it, or makes it too slow, is damaged as far as we care."""
    try:
        with _place():
            # Isolated, and without our environment: there are secrets in it.
            done = subprocess.run(
                [sys.executable, "-I", "-B", "-W", "ignore", str(LOOKING)],
                input=data,
                capture_output=True,
                timeout=ANSWER_S,
                env={"LANG": "C.UTF-8"},
                cwd="/",
            )
    except subprocess.TimeoutExpired:
        raise _refusal("document-broken", 0, len(data)) from None
    line, _newline, shown = done.stdout.partition(b"\n")
    if done.returncode or not line:
        raise _refusal("document-broken", 0, len(data))
    return json.loads(line), shown


@contextmanager
def _place() -> Iterator[None]:
    """Wait for a place, unless too many wait already. Errors: Refused ``unavailable`` (503)."""
    busy = Refused("unavailable", _("Too many documents are being checked. Try again in a moment."), 503)
    if not _door.acquire(blocking=False):
        raise busy
    try:
        if not _places.acquire(timeout=PLACE_S):
            raise busy
        try:
            yield
        finally:
            _places.release()
    finally:
        _door.release()


def _refusal(code: str, n: int, size: int) -> Refused:
    values = {"n": n, "most": MAX_PAGES, "pixels": MAX_PIXELS // 1_000_000, "mb": MAX_BYTES // 1_000_000}
    values["size"] = max(1, round(size / 1_000_000))
    sentences = {
        "document-too-large": _too_large(size),
        "document-type": _("This is not a PDF, a JPEG or a PNG. Upload the signed consent as one of these."),
        "document-program": _(
            "This file is a document and something else as well: a program, an archive or a web page. "
            "Scan the signed consent again, or print it to a new PDF, and upload that."
        ),
        "document-encrypted": _(
            "This PDF is protected by a password. Save it without one and upload it again."
        ),
        "document-too-long": _(
            "This PDF has %(n)s pages; a consent may have %(most)s. Upload only the signed consent."
        ),
        "document-active": _(
            "This PDF contains a program, attached files or a form that sends data. "
            "Print it to a new PDF and upload that."
        ),
        "document-too-many-pixels": _(
            "This picture has %(n)s million pixels; it may have %(pixels)s million. "
            "Take it again with a lower resolution."
        ),
        "document-broken": _(
            "This file is damaged and cannot be read to its end. "
            "Scan or save the signed consent again, and upload the new file."
        ),
    }
    return Refused(code, sentences[code] % values, 413 if code == "document-too-large" else 422)


def _too_large(size: int) -> str:
    if size > MAX_BYTES:
        return _(
            "This file has more than %(mb)s MB. Scan the signed consent in black and white or with a lower "
            "resolution, and upload that."
        )
    return _("This file unpacks to far more than a signed consent. Print it to a new PDF and upload that.")


def _durable(name: str) -> None:
    """A committed row must find its file after a power cut."""
    path = default_storage.path(name)
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    keyfiles.sync_folder(Path(path).parent)
