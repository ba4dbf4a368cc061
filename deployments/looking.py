"""A program that looks at a consent document and says what it is: PDF, JPEG, PNG, or why not.

Parsers of other people's files are where consoles are taken over, so this runs as a process of its own: it
imports nothing of the console, gets the bytes on its standard input, may open no file for writing, and
dies when it takes too much time or memory. ``deployments.documents`` starts it and puts the sentences.

Answers on its standard output: one line of JSON, ``{"type","pages"}`` or ``{"code","n"}``, and for an image
the bytes of a copy to show (smaller, without EXIF: a phone writes the place and the time into a picture).
"""

import contextlib
import io
import json
import re
import resource
import sys
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

MAX_BYTES = 5_000_000
MAX_PAGES = 20
#: What a document may unpack to: twenty pages of grey scans, not a bomb.
MAX_UNPACKED_BYTES = 128_000_000
MAX_OBJECTS = 20_000
#: Looked at inside one object; more is not a form that somebody signed.
MAX_PARTS = 200_000
MAX_PIXELS = 50_000_000
#: The longer side of the copy to show: about 200 dots an inch of a letter page.
SHOWN_PIXELS = 2_200
HEAD_BYTES = 1_024

CPU_S = 2
MEMORY_BYTES = 1_000_000_000

#: Actions that run, send, open or fetch something. Links within the document and to the web are no harm.
ACTS = frozenset(
    [
        *("/JavaScript", "/Launch", "/GoToR", "/GoToE", "/GoToDp", "/SubmitForm", "/ImportData"),
        *("/ResetForm", "/Rendition", "/Movie", "/Sound", "/RichMediaExecute", "/GoTo3DView"),
        *("/SetOCGState", "/Hide", "/Thread"),
    ]
)
#: Members that hold programs, other files, or actions on opening, closing, typing.
ACTIVE_KEYS = frozenset(
    [
        *("/JS", "/JavaScript", "/AA", "/XFA", "/EmbeddedFiles", "/EmbeddedFile", "/EF", "/RF"),
        *("/RichMediaContent", "/RichMediaSettings", "/RichMedia", "/Collection", "/Launch"),
    ]
)
ACTIVE_SUBTYPES = frozenset(["/RichMedia", "/Screen", "/Movie", "/Sound", "/3D", "/FileAttachment"])
QUIET_ON_OPEN = frozenset(["/GoTo"])

#: Spelt out, so that what a reader's own repair would find is found as well. ``#4a`` is PDF's escape.
_ACTIVE_WORDS = re.compile(
    rb"/(JavaScript|Launch|EmbeddedFiles?|RichMedia|GoToE|SubmitForm|ImportData|XFA)(?![A-Za-z])"
)
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_PROGRAMS = re.compile(
    rb"\x7fELF|PK\x03\x04|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|<html|<script|<!doctype|<\?php|<svg", re.IGNORECASE
)
_ARCHIVES = re.compile(rb"Rar!\x1a\x07|7z\xbc\xaf\x27\x1c")
_DOS = b"This program cannot be run in DOS mode"
#: What qpdf says of many sound files: a page that leaves out what readers have a default for.
_HARMLESS = re.compile(r"(Resources is missing or invalid|MediaBox is (undefined|missing))")
_SPACE = b"\x00\t\n\x0c\r "


class Bad(Exception):
    """The document is refused. ``n``: how many pages, or pixels in millions."""

    def __init__(self, code: str, n: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.n = n


def look(data: bytes) -> tuple[str, int, bytes]:
    """Return media type, pages and the copy to show (empty for a PDF: that is shown as it is).

    Errors: Bad, and never another one: what a parser cannot take is damaged.
    """
    try:
        return _look(data)
    except Bad:
        raise
    except MemoryError:
        raise Bad("document-too-large") from None
    except Exception:
        raise Bad("document-broken") from None


def _look(data: bytes) -> tuple[str, int, bytes]:
    if len(data) > MAX_BYTES:
        raise Bad("document-too-large")
    if data.startswith(b"%PDF-"):
        return "application/pdf", _pdf(data), b""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", 1, _image(data, "JPEG")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png", 1, _image(data, "PNG")
    raise Bad("document-program" if b"%PDF-" in data[:HEAD_BYTES] else "document-type")


def _one_kind(data: bytes) -> None:
    """Refuse a file that another program would take for something else: an archive, a program, a page."""
    head = data[:HEAD_BYTES]
    if _PROGRAMS.search(head) or _ARCHIVES.search(data) or _DOS in data:
        raise Bad("document-program")
    if zipfile.is_zipfile(io.BytesIO(data)):
        raise Bad("document-program")


def _pdf(data: bytes) -> int:
    end = data.rfind(b"%%EOF")
    if end < 0:
        raise Bad("document-broken")
    if data[end + 5 :].strip(_SPACE):
        raise Bad("document-program")
    _one_kind(data)
    import pikepdf

    _limit_qpdf()
    try:
        # A file that has to be repaired may be repaired differently by whoever opens it next.
        pdf = pikepdf.open(io.BytesIO(data), attempt_recovery=False, inherit_page_attributes=False)
    except pikepdf.PasswordError:
        raise Bad("document-encrypted") from None
    with pdf:
        if pdf.is_encrypted:
            raise Bad("document-encrypted")
        pages = _pages(pdf)
        _quiet(pdf)
        if _ACTIVE_WORDS.search(_ESCAPED.sub(_unescaped, data)):
            raise Bad("document-active")
        if any(not _HARMLESS.search(str(said)) for said in pdf.get_warnings()):
            raise Bad("document-broken")
    return pages


def _pages(pdf: Any) -> int:
    count = len(pdf.pages)
    if count < 1:
        raise Bad("document-broken")
    if count > MAX_PAGES:
        raise Bad("document-too-long", count)
    return count


def _quiet(pdf: Any) -> None:
    """Refuse what acts, and what unpacks to too much."""
    import pikepdf

    _opens_quietly(pdf.Root.get("/OpenAction"))
    room = MAX_UNPACKED_BYTES
    for number, thing in enumerate(pdf.objects):
        if number >= MAX_OBJECTS:
            raise Bad("document-too-large")
        for part in _dictionaries(thing):
            _acts_not(part)
        if isinstance(thing, pikepdf.Stream):
            room -= _unpacked(thing, room)


def _opens_quietly(action: Any) -> None:
    import pikepdf

    if isinstance(action, pikepdf.Dictionary) and _name(action, "/S") not in QUIET_ON_OPEN:
        raise Bad("document-active")


def _dictionaries(thing: Any) -> Iterator[Any]:
    """Yield every dictionary that stands directly inside an object; the indirect ones come by themselves."""
    import pikepdf

    waiting, seen = [thing], 0
    while waiting:
        item = waiting.pop()
        seen += 1
        if seen > MAX_PARTS:
            raise Bad("document-too-large")
        if isinstance(item, pikepdf.Stream | pikepdf.Dictionary):
            yield item
            inner = [value for _key, value in item.items()]
        elif isinstance(item, pikepdf.Array):
            inner = list(item)
        else:
            continue
        waiting += [part for part in inner if isinstance(part, pikepdf.Object) and not part.is_indirect]


def _acts_not(part: Any) -> None:
    import pikepdf

    if ACTIVE_KEYS & set(part.keys()):
        raise Bad("document-active")
    if _name(part, "/S") in ACTS or _name(part, "/Subtype") in ACTIVE_SUBTYPES:
        raise Bad("document-active")
    if isinstance(part, pikepdf.Stream) and "/F" in part:
        raise Bad("document-active")  # its bytes would come from another file


def _name(part: Any, key: str) -> str:
    import pikepdf

    value = part.get(key)
    return str(value) if isinstance(value, pikepdf.Name) else ""


def _unpacked(stream: Any, room: int) -> int:
    """Return how many bytes the stream unpacks to. Errors: Bad when that is more than ``room``."""
    filters = _filters(stream)
    if len(filters) > 2 or len(set(filters)) < len(filters):
        raise Bad("document-too-large")
    if "/FlateDecode" not in filters and "/LZWDecode" not in filters:
        return 0
    raw = bytes(stream.read_raw_bytes())
    if filters[0] != "/FlateDecode":
        # LZW packs at most 1 : 1500 or so, and nobody scans into it; text wrappers shrink.
        return len(bytes(stream.read_bytes()))
    machine, size = zlib.decompressobj(), 0
    while raw and not machine.eof:
        size += len(machine.decompress(raw, 1_000_000))
        raw = machine.unconsumed_tail
        if size > room:
            raise Bad("document-too-large")
    return size


def _filters(stream: Any) -> list[str]:
    import pikepdf

    found = stream.get("/Filter")
    if found is None:
        return []
    return [str(name) for name in found] if isinstance(found, pikepdf.Array) else [str(found)]


def _limit_qpdf() -> None:
    """qpdf's own limits, for the whole process: that is why this is a process of its own."""
    import pikepdf.settings

    pikepdf.settings.set_qpdf_limits(
        doc_max_warnings=20,
        parser_max_nesting=100,
        parser_max_container_size=100_000,
        max_stream_filters=4,
        flate_max_memory=32_000_000,
        png_max_memory=32_000_000,
        tiff_max_memory=32_000_000,
        run_length_max_memory=32_000_000,
        dct_max_memory=64_000_000,
        dct_max_progressive_scans=100,
    )


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])


def _image(data: bytes, kind: str) -> bytes:
    if b"%PDF-" in data[:HEAD_BYTES]:
        raise Bad("document-program")
    _one_kind(data)
    from PIL import Image, ImageOps

    # Our own cap, before anything is decoded; Pillow's would speak of bombs.
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise Bad("document-too-many-pixels", round(width * height / 1_000_000))
        image.draft("RGB", (SHOWN_PIXELS, SHOWN_PIXELS))
        image.load()
        shown = ImageOps.exif_transpose(image)
        shown.thumbnail((SHOWN_PIXELS, SHOWN_PIXELS))
        if shown.mode not in ("L", "RGB"):
            shown = shown.convert(
                "RGBA" if kind == "PNG" and shown.mode in ("P", "PA", "LA", "RGBA") else "RGB"
            )
        return _encoded(shown, kind)


def _encoded(image: Any, kind: str) -> bytes:
    """Encode pixels and nothing else: no EXIF, no profile, no comment."""
    clean = image.copy()
    clean.info.clear()
    out = io.BytesIO()
    clean.save(out, kind, **({"quality": 85} if kind == "JPEG" else {"compress_level": 4}))
    return out.getvalue()


def main() -> None:
    """Look at standard input within hard limits, and answer."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    with contextlib.suppress(ValueError, OSError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        kind, pages, shown = look(data)
        answer: dict[str, Any] = {"type": kind, "pages": pages}
    except Bad as bad:
        answer, shown = {"code": bad.code, "n": bad.n}, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + shown)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
