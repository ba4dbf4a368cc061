"""Consent documents: what is taken, what is refused with which sentence, and that they stand sealed."""

from __future__ import annotations

import hashlib
import io
import random
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

import vault
from csoc.lib import sealing
from csoc.lib.errors import Refused
from deployments import documents, looking
from tests.deployments import papers
from tests.folders import empty
from vault import records

SLOWEST_S = 2.0
GENERATED = pikepdf.ObjectStreamMode.generate
AS_IT_IS = pikepdf.StreamDecodeLevel.none


@pytest.fixture
def store(own_database: str, data_dir: Path) -> Iterator[Path]:
    """Where documents lie, for this test only."""
    with empty(data_dir / "media", data_dir / "keys" / "record"):
        yield data_dir


def verdict(data: bytes) -> str:
    """The code of a refusal, or the media type; in this process, and in time."""
    began = time.process_time()
    try:
        said = looking.look(data)[0]
    except looking.Bad as bad:
        said = bad.code
    assert time.process_time() - began < SLOWEST_S
    return said


def refusal(data: bytes) -> Refused:
    """How a person is told."""
    with pytest.raises(Refused) as refused:
        documents.check(data)
    return refused.value


@pytest.mark.parametrize(
    ("data", "kind", "pages"),
    [
        (papers.pdf(), "application/pdf", 1),
        (papers.pdf(20), "application/pdf", 20),
        (papers.pdf(2, object_stream_mode=GENERATED), "application/pdf", 2),
        (papers.pdf(2, linearize=True) + b"\r\n", "application/pdf", 2),
        (papers.pdf(1, papers.link), "application/pdf", 1),
        (papers.pdf(1, papers.fields), "application/pdf", 1),
        (papers.pdf(1, papers.on_open(lambda made: pikepdf.Array([made.pages[0].obj, pikepdf.Name.Fit]))),
         "application/pdf", 1),
        (papers.picture("JPEG"), "image/jpeg", 1),
        (papers.picture("PNG"), "image/png", 1),
    ],
)  # fmt: skip
def test_a_signed_consent_is_taken(data: bytes, kind: str, pages: int) -> None:
    document = documents.check(data)
    assert (document.media_type, document.pages) == (kind, pages)
    assert (document.sha256, document.bytes_) == (hashlib.sha256(data).hexdigest(), data)
    assert repr(data[:20])[2:-1] not in repr(document), "a document is never written to a log by accident"


@pytest.mark.parametrize("packed", [pikepdf.ObjectStreamMode.disable, GENERATED], ids=["plain", "packed"])
@pytest.mark.parametrize("name", list(papers.ACTIVE))
def test_what_acts_is_refused(name: str, packed: Any) -> None:
    data = papers.pdf(1, papers.ACTIVE[name], object_stream_mode=packed)
    assert verdict(data) == "document-active"


def test_spelling_a_name_otherwise_hides_nothing() -> None:
    plain = papers.pdf(1, papers.ACTIVE["a script on opening"])
    spelt = plain.replace(b"/JavaScript", b"/J#61v#61Script").replace(b"/JS", b"/#4aS")
    assert b"/JavaScript" not in spelt
    assert verdict(spelt) in ("document-active", "document-broken")
    hidden = papers.pdf().replace(b"\nxref", b"\n9 0 obj<</S/J#61vaScript>>endobj\nxref", 1)
    assert verdict(hidden) in ("document-active", "document-broken"), "what the list of objects leaves out"


DOS = b"MZ" + bytes(70) + b"This program cannot be run in DOS mode"


@pytest.mark.parametrize(
    "data",
    [
        DOS + papers.pdf(),
        b"\x7fELF" + papers.pdf(),
        b"#!/bin/sh\n" + papers.pdf(),
        papers.archive() + papers.pdf(),
        papers.pdf().replace(b"\n", b"\n%<script>x</script>\n", 1),
        papers.pdf().replace(b"\n", b"\n%" + DOS + b"\n", 1),
        papers.pdf() + b"<html><script>x</script>",
        papers.pdf() + papers.archive(),
        papers.pdf() + papers.archive()[:-2] + b"\x07\x00\n%%EOF\n",
        papers.picture() + papers.archive(),
        papers.picture("PNG") + papers.archive(),
        papers.picture("JPEG", comment=b"%PDF-1.7"),
    ],
)
def test_a_document_that_is_a_program_is_refused(data: bytes) -> None:
    assert verdict(data) == "document-program"
    told = refusal(data)
    assert (told.code, told.status) == ("document-program", 422) and "print it to a new PDF" in told.sentence


def test_200_pages_are_told_by_their_number() -> None:
    told = refusal(papers.pdf(200))
    assert (told.code, told.status) == ("document-too-long", 422)
    assert told.sentence == ("This PDF has 200 pages; a consent may have 20. Upload only the signed consent.")


@pytest.mark.parametrize(
    ("data", "code", "status"),
    [
        (b"", "document-missing", 422),
        (b"MZ\x90\x00", "document-type", 422),
        (b"<html>", "document-type", 422),
        (b"GIF89a" + bytes(50), "document-type", 422),
        (papers.archive(), "document-type", 422),
        (papers.pdf(1, encryption=pikepdf.Encryption(owner="a", user="b")), "document-encrypted", 422),
        (papers.pdf(1, encryption=pikepdf.Encryption(owner="a", user="")), "document-encrypted", 422),
        (papers.pdf()[:-60], "document-broken", 422),
        (papers.pdf()[:300] + papers.pdf()[320:], "document-broken", 422),
        (papers.pdf(0), "document-broken", 422),
        (papers.picture()[:-500], "document-broken", 422),
        (papers.picture("PNG")[:-500], "document-broken", 422),
        (b"\x89PNG\r\n\x1a\n", "document-broken", 422),
        (papers.pdf(1, papers.bomb), "document-too-large", 413),
        (papers.pdf(1, papers.two_bombs, stream_decode_level=AS_IT_IS, compress_streams=False),
         "document-too-large", 413),
        (papers.pdf().ljust(looking.MAX_BYTES + 1, b"\n"), "document-too-large", 413),
    ],
)  # fmt: skip
def test_each_other_refusal_has_its_code_and_says_what_to_do(data: bytes, code: str, status: int) -> None:
    told = refusal(data)
    assert (told.code, told.status) == (code, status)
    assert len(told.sentence) > 40 and "%" not in told.sentence


def test_pixels_are_counted_before_they_are_decoded() -> None:
    out = io.BytesIO()
    Image.new("1", (12_000, 9_000)).save(out, "PNG")
    told = refusal(out.getvalue())
    assert told.code == "document-too-many-pixels" and "108 million" in told.sentence
    header = bytearray(papers.picture("PNG"))
    header[16:24] = (2**31 - 1).to_bytes(4, "big") * 2
    assert verdict(bytes(header)) in ("document-too-many-pixels", "document-broken")


def test_a_picture_is_shown_without_its_place_and_time() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x0132] = "2026:11:21 22:00:00"
    exif.get_ifd(0x8825)[2] = (43.0, 30.0, 0.0)
    data = papers.picture("JPEG", (90, 40), exif=exif, comment=b"PLANTED-COMMENT")
    document = documents.check(data)
    assert document.bytes_ == data and document.sha256 == hashlib.sha256(data).hexdigest()
    assert b"Exif" in data and b"Exif" not in document.shown and b"PLANTED" not in document.shown
    with Image.open(io.BytesIO(document.shown)) as shown:
        assert shown.size == (40, 90) and not shown.getexif()


def test_a_great_picture_is_shown_smaller() -> None:
    with Image.open(io.BytesIO(looking.look(papers.picture("JPEG", (5_000, 4_000), quality=20))[2])) as shown:
        assert max(shown.size) <= looking.SHOWN_PIXELS


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "sound",
    [
        papers.pdf(2),
        papers.pdf(2, object_stream_mode=GENERATED),
        papers.picture("PNG"),
        papers.picture("JPEG"),
    ],
    ids=["pdf", "packed pdf", "png", "jpeg"],
)
def test_damage_of_any_kind_is_a_refusal_or_harmless_and_never_slow(sound: bytes, seed: int) -> None:
    chance = random.Random(seed)
    for _round in range(60):
        said = verdict(mutated(sound, chance))
        assert said in documents.EXTENSIONS or said.startswith("document-")


@pytest.mark.parametrize("name", list(papers.HARD))
def test_what_costs_without_end_is_ended(name: str) -> None:
    """2 s of computing, and 1 GB, are the process's own limits: the clock on the wall is the machine's."""
    data = papers.by_hand(papers.HARD[name])
    assert len(data) <= looking.MAX_BYTES
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        documents.check(data)
        taken = True
    except Refused as told:
        taken = False
        assert told.code in ("document-broken", "document-too-large", "document-too-long")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < looking.CPU_S + 1
    assert taken or name != "plain"


def mutated(sound: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, a piece cut out, doubled, moved, or filled."""
    data = bytearray(sound)
    for _change in range(chance.randint(1, 8)):
        at, length = chance.randrange(len(data)), chance.randint(1, 40)
        match chance.randrange(6):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at : at + length] = bytes([chance.choice(b"\x00\xff(<[{9")]) * length
            case 4:
                data[at:at] = chance.choice([b"/JS", b"9999999999", b" 0 R ", b"<<", b">>", b"stream\n"])
            case _:
                data[at] ^= 1 << chance.randrange(8)
    return bytes(data)


def test_what_kills_the_looking_process_is_a_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for lines in ("import os; os.kill(os.getpid(), 9)", "raise SystemExit(3)", "print()", "x = 'a' * 10**12"):
        program = tmp_path / "looking.py"
        program.write_text(lines)
        monkeypatch.setattr(documents, "LOOKING", program)
        assert refusal(papers.pdf()).code == "document-broken"
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(documents, "ANSWER_S", 0.2)
    assert refusal(papers.pdf()).code == "document-broken"


def test_it_looks_without_our_secrets_and_without_the_console(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "looking.py"
    program.write_text(
        "import json, os, sys\n"
        "told = [name for name in [*os.environ, *sys.modules]"
        " if name.lower().startswith(('csoc', 'django', 'deployments'))]\n"
        "print(json.dumps({'type': 'image/png', 'pages': len(told)}))"
    )
    monkeypatch.setattr(documents, "LOOKING", program)
    assert documents.check(papers.pdf()).pages == 0


def test_so_many_are_looked_at_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "PLACE_S", 0.05)
    monkeypatch.setattr(documents, "_door", threading.BoundedSemaphore(1))
    with documents._door:
        assert refusal(papers.pdf()).code == "unavailable"
    for _place in range(documents.AT_ONCE):
        documents._places.acquire()
    try:
        told = refusal(papers.pdf())
    finally:
        for _place in range(documents.AT_ONCE):
            documents._places.release()
    assert (told.code, told.status) == ("unavailable", 503)
    assert documents.check(papers.pdf()).pages == 1


def test_a_document_stands_sealed_and_opens_for_its_record_only(store: Path) -> None:
    marked = papers.pdf(1, papers.in_root(Planted=pikepdf.String("PLANTED-DOCUMENT-8812")))
    document = documents.check(marked)
    record, other = records.new(), records.new()
    name = documents.store(document, record)
    files = [path for path in store.rglob("*") if path.is_file()]
    assert not any(
        b"PLANTED-DOCUMENT" in path.read_bytes() or b"%PDF-" in path.read_bytes() for path in files
    )
    media = [path for path in files if "media" in path.parts]
    assert len(media) == 2 and {path.stat().st_mode & 0o777 for path in media} == {0o600}
    assert documents.fetch(record, name, original=True) == marked == documents.fetch(record, name)
    for wrong in (
        name.replace(str(record), str(other)),
        f"records/{other}/../{record}/x",
        "../../etc/hostname",
    ):
        with pytest.raises(FileNotFoundError):
            documents.fetch(record, wrong)
    with pytest.raises(FileNotFoundError):
        documents.fetch(other, name)


def test_one_document_is_not_passed_off_as_another(store: Path) -> None:
    record = records.new()
    names = [documents.store(documents.check(papers.pdf(pages)), record) for pages in (1, 2)]
    one, two = (store / "media" / f"{name}.shown" for name in names)
    one.write_bytes(two.read_bytes())
    with pytest.raises(sealing.SealBroken):
        documents.fetch(record, names[0])


def test_with_its_record_a_document_is_gone_and_its_files_go(store: Path) -> None:
    record, other = records.new(), records.new()
    document = documents.check(papers.picture())
    name, kept = documents.store(document, record), documents.store(document, other)
    records.destroy(record)
    with pytest.raises(vault.Gone):
        documents.fetch(record, name)
    assert [documents.delete_files([record]), documents.delete_files([record])] == [2, 0]
    assert not (store / "media" / "records" / str(record)).exists()
    assert documents.fetch(other, kept) == document.shown


def test_a_download_is_saved_and_never_rendered() -> None:
    answer = documents.as_attachment(b"%PDF-", "application/pdf", "consent-DEP-2026-0042")
    assert answer["Content-Disposition"] == 'attachment; filename="consent-DEP-2026-0042.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff" and answer["Content-Type"] == "application/pdf"
    assert "sandbox" in answer["Content-Security-Policy"] and answer["Cache-Control"] == "no-store"
