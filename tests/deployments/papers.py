"""Consent documents for tests: sound ones, and what people and enemies send instead."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pikepdf
from PIL import Image

Change = Callable[[Any], None]


def pdf(pages: int = 1, change: Change | None = None, **saving: Any) -> bytes:
    """A PDF of blank pages, changed by ``change`` before it is saved."""
    made = pikepdf.new()
    for _page in range(pages):
        made.add_blank_page()
    if change:
        change(made)
    out = io.BytesIO()
    made.save(out, **saving)
    return out.getvalue()


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 80), **saving: Any) -> bytes:
    """A picture with some noise in it."""
    out = io.BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(out, kind, **saving)
    return out.getvalue()


#: The least that is a document, as objects to be written down by hand.
LEAST = {
    1: b"<</Type/Catalog/Pages 2 0 R>>",
    2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
}


def by_hand(more: dict[int, bytes]) -> bytes:
    """A PDF of these objects and the least others, as no program would save it."""
    objects, out = LEAST | more, bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    places = dict.fromkeys(range(1, max(objects) + 1), 0)
    for number, text in sorted(objects.items()):
        places[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, text)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    for place in places.values():
        out += b"%010d %05d %b \n" % (place, 0, b"n" if place else b"f")
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, start)
    return bytes(out)


def packed(objects: int, zeros: int) -> dict[int, bytes]:
    """Streams that each unpack to one long array: small on the disk, without end in memory."""
    made = {}
    for number in range(10, 10 + 2 * objects, 2):
        data = zlib.compress(b"%d 0 [" % (number + 1) + b"0 " * zeros + b"]", 9)
        head = b"<</Type/ObjStm/N 1/First %d/Filter/FlateDecode/Length %d>>stream\n"
        made[number] = head % (len(b"%d 0 " % (number + 1)), len(data)) + data + b"\nendstream"
    return made


def archive() -> bytes:
    """A ZIP with one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("run.class", "x")
    return out.getvalue()


def act(**members: Any) -> Any:
    """An action dictionary."""
    return pikepdf.Dictionary(**members)


def on_open(action: Callable[[Any], Any]) -> Change:
    """Let the document do something when it is opened."""

    def change(made: Any) -> None:
        made.Root.OpenAction = action(made)

    return change


def on_page(**members: Any) -> Change:
    """Put members into the first page."""

    def change(made: Any) -> None:
        for key, value in members.items():
            made.pages[0].obj[f"/{key}"] = value

    return change


def in_root(**members: Any) -> Change:
    """Put members into the catalogue."""

    def change(made: Any) -> None:
        for key, value in members.items():
            made.Root[f"/{key}"] = value

    return change


def attached(made: Any) -> None:
    """Attach a file."""
    made.attachments["tool.exe"] = b"MZ"


def bomb(made: Any) -> None:
    """A page that unpacks to 200 MB."""
    made.pages[0].Contents = made.make_stream(b"0" * 200_000_000)


def two_bombs(made: Any) -> None:
    """A stream that is packed twice: each layer hides a thousandfold."""
    packed = zlib.compress(zlib.compress(bytes(100_000_000)))
    made.pages[0].Contents = pikepdf.Stream(
        made, packed, Filter=pikepdf.Array([pikepdf.Name.FlateDecode, pikepdf.Name.FlateDecode])
    )


def elsewhere(made: Any) -> None:
    """A stream whose bytes are in another file."""
    made.pages[0].Contents = pikepdf.Stream(made, b"", F="/etc/hostname")


def link(made: Any) -> None:
    """A link to the web, as signing services put one: no harm."""
    action = act(S=pikepdf.Name.URI, URI="https://example.org/")
    made.pages[0].obj.Annots = pikepdf.Array(
        [act(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=pikepdf.Array([0, 0, 9, 9]), A=action)]
    )


def fields(made: Any) -> None:
    """A form with a field that was filled in: no harm."""
    field = act(
        FT=pikepdf.Name.Tx, T="name", V="A. Sample", Subtype=pikepdf.Name.Widget, Type=pikepdf.Name.Annot
    )
    made.Root.AcroForm = act(Fields=pikepdf.Array([made.make_indirect(field)]))


JS = {"S": pikepdf.Name.JavaScript, "JS": "app.alert(1)"}
ACTIVE: dict[str, Change] = {
    "a script on opening": on_open(lambda made: act(**JS)),
    "a script after a quiet step": on_open(
        lambda made: act(S=pikepdf.Name.GoTo, D=pikepdf.Array([made.pages[0].obj]), Next=act(**JS))
    ),
    "a program on opening": on_open(lambda made: act(S=pikepdf.Name.Launch, F="cmd.exe")),
    "a web page on opening": on_open(lambda made: act(S=pikepdf.Name.URI, URI="https://example.org/")),
    "a script for the page": on_page(AA=act(O=act(**JS))),
    "a script in the names": in_root(Names=act(JavaScript=act(Names=pikepdf.Array(["x", act(**JS)])))),
    "a form that sends": on_page(
        Annots=pikepdf.Array([act(Subtype=pikepdf.Name.Widget, A=act(S=pikepdf.Name.SubmitForm, F="x"))])
    ),
    "a form that fetches": on_page(
        Annots=pikepdf.Array([act(Subtype=pikepdf.Name.Widget, A=act(S=pikepdf.Name.ImportData, F="x"))])
    ),
    "a way into another file": on_page(
        Annots=pikepdf.Array([act(Subtype=pikepdf.Name.Link, A=act(S=pikepdf.Name.GoToR, F="x.pdf"))])
    ),
    "XFA": in_root(AcroForm=act(XFA="<xdp/>")),
    "rich media": on_page(Annots=pikepdf.Array([act(Subtype=pikepdf.Name.RichMedia)])),
    "an attached file": attached,
    "bytes of another file": elsewhere,
}

LOOP = {2: b"<</Type/Pages/Kids[3 0 R 2 0 R]/Count 2>>"}
SAME = {2: b"<</Type/Pages/Kids[" + b"3 0 R " * 300_000 + b"]/Count 300000>>"}
HARD = {
    "plain": {},
    "a loop of pages": LOOP,
    "the same page without end": SAME,
    "brackets without end": {4: b"[" * 100_000 + b"]" * 100_000},
    "deep objects by the thousand": {number: b"[" * 90 + b"]" * 90 for number in range(4, 15_000)},
    "a hundred thousand objects": dict.fromkeys(range(4, 100_000), b"0"),
    "one great array": {4: b"[" + b"0 " * 2_000_000 + b"]"},
    "escapes without end": {4: b"(" + b"#41" * 1_600_000 + b")"},
    "packed without end": packed(60, 10_000_000),
    "a filter twice": {4: b"<</Filter[/RunLengthDecode/FlateDecode]/Length 2>>stream\n\x81\x00\nendstream"},
}
