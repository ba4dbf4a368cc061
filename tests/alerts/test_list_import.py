"""A version comes in whole or not at all, and nothing of a refused file stays."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.models import User
from alerts import policies, services
from alerts.importing import manifest, uploads
from alerts.importing.rows import COLUMNS, Reader
from alerts.models import Hotlist, HotlistChunk, HotlistEntry, HotlistUpload, HotlistVersion
from audit.context import system
from csoc import seed
from csoc.lib import canonical, clock
from csoc.lib.errors import Refused
from tests.accounts.conftest import Entries
from tests.accounts.conftest import entries as entries
from tests.alerts.lists import HEADER, bring, file_of, manifest_of, pieces, row, rows

MARKER = "ZZMARK7"


def judged(file: bytes, **changes: Any) -> Refused:
    """Read it as an import does, without a database; its refusal never holds the plate."""
    told = manifest.read(manifest_of(file, **changes), clock.now())
    reader = Reader(told, pieces(file))
    kept = b"".join(reader.blocks())
    with pytest.raises(Refused) as caught:
        reader.judge()
    assert MARKER not in str(caught.value.extra) + caught.value.sentence
    assert kept.count(b"\n") <= 1, "after a fault no row goes to the database"
    return caught.value


def current() -> dict[str, str]:
    return dict(HotlistEntry.objects.filter(removed_in=None).values_list("plate", "entry_id"))


def refused(actor: User, file: bytes, **changes: Any) -> Refused:
    """Bring it, and see that nothing of it stays."""
    before = list(HotlistEntry.objects.order_by("pk").values())
    with pytest.raises(Refused) as caught, transaction.atomic():
        bring(actor, file, **changes)
    assert list(HotlistEntry.objects.order_by("pk").values()) == before
    assert not HotlistChunk.objects.exists() and MARKER not in str(caught.value.extra) + caught.value.sentence
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pg_temp.hotlist_staged')")
        assert cursor.fetchone()[0] is None
    return caught.value


def test_a_version_comes_in_and_the_next_one_is_a_difference(omar: User) -> None:
    first = bring(omar, file_of(rows(4)))
    assert (first.rows, first.adds, first.dels) == (4, 4, 0)
    assert list(current().values()) == ["e-1000", "e-1001", "e-1002", "e-1003"]
    lines = [*rows(2), row("ZZ00002", reference="R-2", priority="2"), row("ZZNEW01", reference="R-9")]
    second = bring(omar, file_of(lines), version=5)
    assert (second.before, second.adds, second.changes, second.dels) == (4, 1, 1, 1)
    kept = current()
    assert kept["ZZ00000"] == "e-1000" and kept["ZZ00002"] == "e-1002" and "ZZ00003" not in kept
    assert kept["ZZNEW01"] not in {"e-1000", "e-1001", "e-1002", "e-1003"}
    gone = HotlistEntry.objects.get(entry_id="e-1003")
    assert (gone.added_in, gone.removed_in) == (1, 5)
    assert Hotlist.objects.get(list_id="test-on").version == 5


def test_each_category_has_the_digest_of_its_canonical_entries(omar: User) -> None:
    ends = ("2098-01-02", "2098-01-02T03:04:05Z", "2098-01-02T03:04:05.5Z", "2098-01-02T03:04:05.067Z")
    told = ("2098-01-03T00:00:00.000Z", "2098-01-02T03:04:05.000Z", "2098-01-02T03:04:05.500Z",
            "2098-01-02T03:04:05.067Z")  # fmt: skip
    kinds, priorities = ("stolen_vehicle", "stolen_plate"), (None, 3, 1, None)
    lines = [
        row(f"ZZ0000{n}", valid_to=end, category=kinds[n % 2], reference=f"R-{n}",
            priority=str(priorities[n] or ""))
        for n, end in enumerate(ends)
    ]  # fmt: skip
    # Their numbers pass a power of ten, and entries stand by the bytes of their names: e-10000 before e-9998.
    Hotlist.objects.create(agency=omar.person.agency, list_id="test-on", next_entry=9998)
    first = bring(omar, file_of(lines))
    for n, kind in enumerate(kinds):
        entries = [
            {"c": kind, "e": f"e-{9998 + at}", "j": "CA-ON", "k": f"ZZ0000{at}", "p": priorities[at],
             "to": told[at]}
            for at in (n + 2, n)
        ]  # fmt: skip
        raw = b"".join(canonical.dumps(one) + b"\n" for one in entries)
        assert first.digests[kind] == {"entries": 2, "sha256": hashlib.sha256(raw).hexdigest()}, kind
    # A category that the next version leaves as it is keeps its digest; one that is gone has none.
    second = bring(omar, file_of(lines[::2]), version=2)
    assert second.digests == {kinds[0]: first.digests[kinds[0]]}


def test_the_demonstration_leaves_a_far_larger_list_as_it_is(omar: User) -> None:
    """It starts again the day after: only a second person may shrink a list by half."""
    brought = bring(omar, file_of(rows(40)), list_id=seed.LIST_ID)
    kept = seed._hotlist(omar)
    assert kept == brought and HotlistEntry.objects.filter(removed_in=None).count() == 40


def test_the_demonstrations_list_is_fresh_at_every_start(omar: User) -> None:
    first = seed._hotlist(omar)
    assert (first.rows, seed._hotlist(omar).version) == (len(seed.ENTRIES), first.version + 1)


SHAPES = ["crlf", "bom", "no-last-end", "quoted", "other-order", "spaced-plate"]


@pytest.mark.parametrize("shape", SHAPES)
def test_files_as_spreadsheets_write_them_are_taken(shape: str) -> None:
    line = row("ZZSHP01")
    file = {
        "crlf": file_of([line], end="\r\n"),
        "bom": b"\xef\xbb\xbf" + file_of([line]),
        "no-last-end": file_of([line]).rstrip(b"\n"),
        "quoted": file_of([",".join(f'"{cell}"' for cell in line.split(","))]),
        "other-order": file_of(
            [",".join(reversed(line.split(",")))], header=",".join(reversed(HEADER.split(",")))
        ),
        "spaced-plate": file_of([line.replace("ZZSHP01", "zzs-hp 01")]),
    }[shape]
    reader = Reader(manifest.read(manifest_of(file, rows=1), clock.now()), pieces(file))
    kept = b"".join(reader.blocks())
    reader.judge()
    assert kept.startswith(b"2\tZZSHP01\tR-1\tCA-ON\tstolen_vehicle\t\t\\N\t")


ROWS = [
    ({"plate": "Z"}, "plate"), ({"plate": "ZZ3456789"}, "plate"), ({"plate": ""}, "plate"),
    ({"plate": "ZZ\u202e1"}, "plate"), ({"plate": "\\N"}, "plate"), ({"plate": "ZZ\t1"}, "plate"),
    ({"jurisdiction": "Ontario"}, "jurisdiction"), ({"jurisdiction": "CA-ONTA"}, "jurisdiction"),
    ({"category": "speeding"}, "category"), ({"category": ""}, "category"),
    ({"reference": ""}, "reference"), ({"reference": "Jane Roe"}, "reference"),
    ({"reference": "R-1\\N"}, "reference"), ({"reference": "R" * 50 + "1"}, "reference"),
    ({"valid_from": "yesterday"}, "valid-from"), ({"valid_from": "2026-02-31"}, "valid-from"),
    ({"valid_from": "2020-01-01T00:00:00+05:00"}, "valid-from"), ({"valid_to": "31/12/2099"}, "valid-to"),
    ({"valid_to": "9999-12-31"}, "valid-to"), ({"valid_to": ""}, "valid-to"),
    ({"valid_from": "2020-01-02", "valid_to": "2020-01-01"}, "dates"),
    ({"valid_from": "2020-01-01", "valid_to": "2020-01-02"}, "expired"),
    ({"valid_from": "2090-01-01", "valid_to": "2099-01-01"}, "not-yet-valid"),
    ({"action": "=cmd()"}, "action"), ({"priority": "10"}, "priority"), ({"priority": "high"}, "priority"),
    ({"priority": "12"}, "priority"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code"), ROWS)
def test_a_row_at_fault_is_named_by_line_and_code_alone(changes: dict[str, str], code: str) -> None:
    plate = changes.get("plate", MARKER)
    lines = [row("ZZGOOD1"), row(plate, **{k: v for k, v in changes.items() if k != "plate"})]
    found = judged(file_of(lines), rows=2)
    assert (found.code, found.status) == ("rows-broken", 422)
    assert found.extra == {"lines": [{"line": 3, "code": code}], "faults": 1}


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    broken = row(MARKER).replace("R-1", '"R-\n1"')
    lines = [row("ZZGOOD1"), broken, row("ZZGOOD2"), "too,few", "", row("ZZGOOD1")]
    found = judged(file_of(lines), rows=6)
    assert found.extra["lines"] == [
        {"line": 3, "code": "reference"}, {"line": 6, "code": "columns"}, {"line": 7, "code": "columns"},
    ]  # fmt: skip


def test_a_hundred_faults_are_named_and_the_others_counted() -> None:
    found = judged(file_of([row(MARKER, category="x")] * 250))
    assert len(found.extra["lines"]) == 100 and found.extra["faults"] == 250


def test_duplicates_are_named_by_their_lines(omar: User) -> None:
    found = refused(
        omar, file_of([row(MARKER), row("ZZGOOD1"), row("zz mark7"), row(MARKER, reference="R-2")])
    )
    assert found.extra["lines"] == [{"line": 4, "code": "duplicate"}]


def _with(column: str) -> str:
    return HEADER.replace("action", column)


FILES = [
    (file_of([row(MARKER)], header=_with("owner_name")), {}, "column-personal", "owner_name"),
    (file_of([row(MARKER)], header=_with("DOB")), {}, "column-personal", "DOB"),
    (file_of([row(MARKER)], header=_with("homeAddress")), {}, "column-personal", "homeAddress"),
    (file_of([row(MARKER) + ",x"], header=HEADER + ",phone"), {}, "column-personal", "phone"),
    (file_of([row(MARKER)], header=_with("colour")), {}, "column-unknown", "colour"),
    (file_of([row(MARKER)], header=_with(MARKER)), {}, "column-unknown", ""),
    (file_of([row(MARKER)], header=_with("plate")), {}, "column-missing", "action"),
    (file_of([row(MARKER) + ",x"], header=HEADER + ",plate"), {}, "column-twice", "plate"),
    (file_of([row(MARKER)], header=row(MARKER)), {}, "no-header", ""),
    (b"", {"rows": 0}, "no-header", ""),
    (file_of([row(MARKER)]).replace(b"R-1", b"R-\x001"), {}, "nul", ""),
    (file_of([row(MARKER)]).replace(b"R-1", b"R-\xff1"), {}, "not-utf8", ""),
    (file_of([row(MARKER)]).decode().encode("utf-16"), {}, "nul", ""),
    (file_of([row(MARKER).replace("R-1", '"R-1')]), {}, "not-csv", ""),
    (file_of([row(MARKER).replace("R-1", 'R"1"x"')]), {}, "rows-broken", ""),
    (file_of([MARKER * 2000]), {}, "line-too-long", ""),
    (file_of([row(MARKER)]), {"rows": 2}, "rows-wrong", ""),
    (file_of([row(MARKER)]), {"sha256": "0" * 64}, "digest-wrong", ""),
]  # fmt: skip


@pytest.mark.parametrize(("file", "changes", "code", "named"), FILES)
def test_a_file_that_is_not_one_is_refused(
    file: bytes, changes: dict[str, Any], code: str, named: str
) -> None:
    found = judged(file, **{"rows": 1} | changes)
    assert found.code == code and found.status == 422
    assert named in found.sentence


MANIFESTS = [
    ({"version": None}, "manifest"), ({"owner": "x"}, "manifest"), ({"version": 0}, "manifest"),
    ({"version": True}, "manifest"), ({"version": 2**53}, "manifest"), ({"version": "2"}, "manifest"),
    ({"list_id": "../x"}, "manifest"), ({"rows": -1}, "manifest"), ({"rows": 10**9}, "manifest"),
    ({"sha256": "A" * 64}, "manifest"), ({"authority": "x\ny"}, "manifest"),
    ({"issued_at": "now"}, "manifest"),
    ({"issued_at": "2026-02-31T00:00:00Z"}, "manifest"),
    ({"issued_at": "2099-01-01T00:00:00Z"}, "issued-ahead"),
    ({"valid_to": "2020-01-01T00:00:00Z"}, "list-over"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code"), MANIFESTS)
def test_a_manifest_that_cannot_be_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as caught:
        manifest.read(manifest_of(file_of([row(MARKER)]), **changes), clock.now())
    assert caught.value.code == code


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"rows":1,"rows":1}', b"null", b"x" * 5000, b"\xff"])
def test_a_manifest_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as caught:
        manifest.read(raw, clock.now())
    assert caught.value.code == "manifest"


def test_a_version_only_rises(omar: User) -> None:
    bring(omar, file_of(rows(2)), version=7)
    for version in (7, 6):
        assert refused(omar, file_of([row(MARKER)]), version=version).code == "version-not-risen"
    with pytest.raises(DatabaseError), transaction.atomic():
        Hotlist.objects.update(version=3)


def test_a_refused_file_leaves_nothing(omar: User) -> None:
    bring(omar, file_of(rows(2)))
    refused(omar, file_of([row(MARKER), row(MARKER, category="x")]), version=2)
    refused(omar, file_of([row(MARKER)]), version=2, sha256="0" * 64)


def test_only_a_supervisor_brings_one(people: dict[str, User]) -> None:
    for role in set(people) - {"supervisor", "supervisor-2"}:
        assert refused(people[role], file_of([row(MARKER)])).code == "not-permitted"


def test_an_empty_list_is_a_list(omar: User) -> None:
    assert bring(omar, file_of([])).digests == {}


def waiting(omar: User, before: int = 30, after: int = 14) -> HotlistUpload:
    bring(omar, file_of(rows(before)))
    upload = bring(omar, file_of(rows(after)), version=2)
    assert isinstance(upload, HotlistUpload)
    return upload


def test_much_less_or_much_more_waits_for_a_second_person() -> None:
    for before, after, waits in (
        (30, 15, False), (30, 14, True), (2, 20, False), (2, 21, True), (3, 0, True), (0, 9, False),
    ):  # fmt: skip
        assert policies.needs_second(before, after) == waits


def test_what_waits_is_sealed_and_a_second_person_lets_it_through(
    people: dict[str, User], omar: User
) -> None:
    upload = waiting(omar)
    sealed = b"".join(bytes(piece.sealed) for piece in HotlistChunk.objects.all())
    assert sealed and b"ZZ000" not in sealed and b"R-1" not in sealed
    noor = people["supervisor-2"]
    with pytest.raises(Refused) as caught:
        act(services.approve_upload, omar, upload_id=upload.pk, before=30)
    assert caught.value.code == "own-request"
    act(services.approve_upload, noor, upload_id=upload.pk, before=30)
    version = HotlistVersion.objects.get(version=2)
    assert (version.imported_by, version.approved_by, version.rows) == (omar.person, noor.person, 14)
    assert not HotlistChunk.objects.exists() and len(current()) == 14
    with pytest.raises(Refused) as caught:
        act(services.approve_upload, noor, upload_id=upload.pk, before=14)
    assert caught.value.code == "not-waiting"


def test_the_second_person_decides_on_the_figures_that_hold(people: dict[str, User], omar: User) -> None:
    upload = waiting(omar)
    noor = people["supervisor-2"]
    with pytest.raises(Refused) as caught:
        act(services.approve_upload, noor, upload_id=upload.pk, before=29)
    assert caught.value.code == "figures-changed"
    upload.refresh_from_db()
    assert (upload.state, upload.before) == ("waiting", 30)


def test_a_second_person_refuses_with_a_reason(people: dict[str, User], omar: User) -> None:
    upload, noor = waiting(omar), people["supervisor-2"]
    for told in ({"code": "x", "words": "Because."}, {"code": "wrong-file", "words": ""},
                 {"code": "withdrawn", "words": "Because."}):  # fmt: skip
        with pytest.raises(Refused) as caught:
            act(services.refuse_upload, noor, upload_id=upload.pk, **told)
        assert caught.value.code == "reason-missing"
    act(services.refuse_upload, noor, upload_id=upload.pk, code="wrong-file", words="Half is missing.")
    assert not HotlistChunk.objects.exists() and len(current()) == 30
    assert HotlistUpload.objects.get(pk=upload.pk).state == "refused"


def test_what_nobody_decides_dies_after_a_day(omar: User, people: dict[str, User]) -> None:
    upload = waiting(omar)
    HotlistUpload.objects.filter(pk=upload.pk)
    assert services.end_stale_uploads(actor=system("test")) == 0
    clock.shift(24 * 3600 + 1)
    try:
        with pytest.raises(Refused) as caught:
            act(services.approve_upload, people["supervisor-2"], upload_id=upload.pk, before=30)
        assert caught.value.code == "not-waiting"
        assert services.end_stale_uploads(actor=system("test")) == 1
    finally:
        clock.shift(0)
    assert not HotlistChunk.objects.exists()


def test_the_database_knows_the_second_person_too(omar: User, people: dict[str, User]) -> None:
    upload = waiting(omar)
    sql = [
        "UPDATE alerts_hotlistupload SET state = 'published'",
        f"UPDATE alerts_hotlistupload SET state = 'published', decided_by_id = {omar.person_id}",
        "UPDATE alerts_hotlistupload SET rows = 1", "DELETE FROM alerts_hotlistupload",
        "UPDATE alerts_hotlistversion SET rows = 1", "DELETE FROM alerts_hotlistversion",
        "DELETE FROM alerts_hotlist",
    ]  # fmt: skip
    for statement in sql:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    values = HotlistVersion.objects.values().get()
    for changes in (
        {"approved_by_id": omar.person_id, "version": 3},
        {"approved_by_id": None, "before": 30, "rows": 14, "version": 3},
        {"version": 1},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            HotlistVersion.objects.create(**{**values, "id": None, **changes})
    assert upload.state == "waiting"


def act(service: Any, actor: User, **values: Any) -> Any:
    from accounts.services import acting

    with acting(actor):
        return service(actor=actor, **values)


def test_pieces_come_in_order_and_twice_without_harm(omar: User, people: dict[str, User]) -> None:
    file = file_of(rows(40))
    upload = act(services.begin_upload, omar, manifest_bytes=manifest_of(file))
    first, second, *rest = pieces(file)
    now = clock.now()

    def add(number: int, raw: bytes) -> HotlistUpload:
        return uploads.add_chunk(upload, number, raw, now)

    assert add(0, first).chunks == add(0, first).chunks == 1
    for number, raw, code in ((0, second, "chunk-differs"), (2, second, "chunk-order"), (1, b"", "too-large"),
                              (1, b"x" * 200_000, "too-large")):  # fmt: skip
        with pytest.raises(Refused) as caught:
            add(number, raw)
        assert caught.value.code == code
    for number, raw in enumerate([second, *rest], 1):
        add(number, raw)
    with pytest.raises(Refused) as caught:
        act(services.finish_upload, people["supervisor-2"], upload_id=upload.pk)
    assert caught.value.status == 404
    assert act(services.finish_upload, omar, upload_id=upload.pk).state == "published"
    assert len(current()) == 40 and not HotlistChunk.objects.exists()


def test_a_refused_upload_leaves_no_piece(omar: User) -> None:
    file = file_of([row(MARKER, category="x")])
    upload = act(services.begin_upload, omar, manifest_bytes=manifest_of(file))
    uploads.add_chunk(upload, 0, file, clock.now())
    with pytest.raises(Refused):
        act(services.finish_upload, omar, upload_id=upload.pk)
    upload.refresh_from_db()
    assert (upload.state, upload.code) == ("broken", "rows-broken") and not HotlistChunk.objects.exists()


def test_removed_entries_go_after_two_days_in_batches(omar: User, monkeypatch: Any) -> None:
    from alerts.services import erasure

    monkeypatch.setattr(erasure, "BATCH", 3)
    monkeypatch.setattr(erasure, "MOST_A_RUN", 6)
    bring(omar, file_of(rows(20)))
    bring(omar, file_of(rows(10)), version=2)
    now = clock.now()
    assert erasure.delete_removed_entries(now - timedelta(hours=2)) == 0
    runs = [erasure.delete_removed_entries(now) for _ in range(3)]
    assert runs == [6, 4, 0] and HotlistEntry.objects.count() == 10


@pytest.mark.django_db(databases=["default", "audit"])
def test_the_command_streams_a_file_as_a_named_person(
    people: dict[str, User], omar: User, tmp_path: Path, entries: Entries
) -> None:
    file, manifest = tmp_path / "list.csv", tmp_path / "list.json"
    file.write_bytes(file_of(rows(5)))
    manifest.write_bytes(manifest_of(file.read_bytes()))
    call_command("hotlist_import", str(file), str(manifest), "--as", omar.username)
    assert len(current()) == 5
    with pytest.raises(CommandError, match="does not rise"):
        call_command("hotlist_import", str(file), str(manifest), "--as", omar.username)
    file.write_bytes(file_of([row(MARKER, category="x")]))
    manifest.write_bytes(manifest_of(file.read_bytes(), version=2))
    with pytest.raises(CommandError, match="line 2: category") as caught:
        call_command("hotlist_import", str(file), str(manifest), "--as", omar.username)
    assert MARKER not in str(caught.value)
    with pytest.raises(CommandError, match="not-permitted"):
        call_command("hotlist_import", str(file), str(manifest), "--as", people["dispatcher"].username)
    # What was refused at the shell stands in the log as at any door, with who tried.
    told = [
        (entry["outcome"]["result"], entry["outcome"].get("code")) for entry in entries.of("hotlist.import")
    ]
    assert told == [
        ("allowed", None), ("failed", "version-not-risen"), ("failed", "rows-broken"),
        ("denied", "not-permitted"),
    ]  # fmt: skip
    with pytest.raises(CommandError, match="no open sign-in"):
        call_command("hotlist_import", str(file), str(manifest), "--as", "nobody")


def test_columns_are_the_contracts() -> None:
    assert ",".join(COLUMNS) == HEADER
