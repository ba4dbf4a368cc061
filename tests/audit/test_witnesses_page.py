"""The page "Keys and witnesses": who may, what it says, and witnessing by file with the real tool."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from audit.logkeys import LogKeys
from audit.models import Cosignature, Entry, WitnessFile, WitnessState
from audit.notes import VerifierKey
from audit.publisher import Publisher
from audit.witnessing.selectors import fingerprint, span
from tests.audit.test_page import signed_in
from tests.audit.test_sequencer import write

Connect = Callable[[str], psycopg.Connection[Any]]
Sequence = Callable[[], int]
ROOT = Path(__file__).resolve().parents[2]
PAGE = "/audit/witnesses/"


class FileWitness:
    """``tools/witness.py`` on a machine without a network."""

    def __init__(self, folder: Path, log_vkey: str) -> None:
        self.folder = folder
        self.vkey = VerifierKey.parse(self.run("init", "--name", "witness.test/by-file").strip())
        self.run("trust", log_vkey)

    def run(self, command: str, *arguments: str) -> str:
        call = [sys.executable, "tools/witness.py", command, "--state", str(self.folder), *arguments]
        return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    def sign(self, request: str) -> str:
        """Carry a request there and the answer back."""
        (self.folder / "r.request").write_text(request)
        self.run("sign", str(self.folder / "r.request"), "--out", str(self.folder / "r.cosignature"))
        return (self.folder / "r.cosignature").read_text()

    @property
    def key_id(self) -> str:
        return self.vkey.key_id.hex()


@pytest.fixture
def cast(own_database: str) -> dict[str, Any]:
    from accounts.cast import create_cast
    from audit import system

    return create_cast(system("seed"))


@pytest.fixture
def officer(cast: dict[str, Any]) -> Client:
    return signed_in(cast["privacy_officer"]["username"])


@pytest.fixture
def log(connect_as: Connect, sequence: Sequence) -> int:
    write(connect_as("csoc_app"), 30)
    return sequence()


@pytest.fixture
def witness(tmp_path: Path, log: int, log_keys: LogKeys, settings: Any) -> FileWitness:
    made = FileWitness(tmp_path / "witness", str(log_keys.vkey))
    settings.AUDIT_WITNESSES = tmp_path / "witnesses.txt"
    settings.AUDIT_WITNESSES.write_text(f"{made.vkey} # Partner service <b>\n")
    return made


@pytest.fixture
def publisher(connect_as: Connect, tmp_path: Path) -> Publisher:
    return Publisher(
        connect_as("csoc_publisher"), witnesses=tmp_path / "witnesses.txt", head=tmp_path / "x", every_s=30
    )


def page(officer: Client, query: str = "") -> str:
    answer = officer.get(PAGE + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_keys_and_fingerprints_are_there_to_compare(
    officer: Client, witness: FileWitness, log_keys: LogKeys
) -> None:
    text = page(officer, f"?witness={witness.key_id}")
    for vkey in (log_keys.vkey, witness.vkey):
        assert vkey.text in text
        for group in fingerprint(vkey):
            assert f"<span>{group}</span>" in text
    assert "Signs now" in text and "from entry 0 on" in text
    assert "Partner service &lt;b&gt;" in text and "<b>\n" not in text
    assert "No answer was handed in yet." in text


def test_the_fingerprint_is_what_the_page_says_anybody_can_compute(log_keys: LogKeys, log: int) -> None:
    made = subprocess.run(
        ["sh", "-c", f"printf %s '{log_keys.vkey.text}' | sha256sum"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout.startswith("".join(fingerprint(log_keys.vkey)))


def test_only_the_privacy_officer_may(officer: Client, cast: dict[str, Any], witness: FileWitness) -> None:
    file_id = ask(officer, witness).pk
    for role in ("dispatcher", "supervisor", "administrator", "technician"):
        person = signed_in(cast[role]["username"])
        for answer in (
            person.get(PAGE),
            person.get(f"{PAGE}files/{file_id}/"),
            person.get(f"{PAGE}files/{file_id}/code.svg"),
            person.post(f"{PAGE}{witness.key_id}/request/"),
            person.post(f"{PAGE}{witness.key_id}/answer/", {"answer": "x"}),
            person.post("/audit/pruning/0/"),
            person.post("/audit/pruning/0/agree/"),
        ):
            assert answer.status_code == 403, role
    assert WitnessFile.objects.count() == 1


def ask(officer: Client, witness: FileWitness, old: str = "") -> WitnessFile:
    answer = officer.post(f"{PAGE}{witness.key_id}/request/", {"old": old})
    assert answer.status_code == 302, answer.content.decode()[:2000]
    return WitnessFile.objects.latest("id")


def test_a_checkpoint_goes_by_file_and_its_cosignature_comes_back(
    officer: Client, witness: FileWitness, publisher: Publisher, log: int, sequence: Sequence
) -> None:
    row = ask(officer, witness)
    assert (row.old, row.size, row.asked_by[:2]) == (0, log, "u-")
    file = officer.get(f"{PAGE}files/{row.pk}/")
    assert file["Content-Disposition"] == f'attachment; filename="audit-{log}.request"'
    answer = witness.sign(file.content.decode())
    sent = officer.post(
        f"{PAGE}{witness.key_id}/answer/", {"file": SimpleUploadedFile("r.cosignature", answer.encode())}
    )
    assert sent.status_code == 302
    assert Cosignature.objects.count() == 0, "the web process may not add it"
    assert "An answer was handed in" in page(officer, f"?witness={witness.key_id}")
    publisher.ask_witnesses()
    assert Cosignature.objects.get().size == log
    assert WitnessState.objects.get().known == log
    text = page(officer)
    assert f"<b>{log}</b>" in text
    size = sequence()
    told = [row.verb for row in Entry.objects.filter(idx__gte=log).order_by("idx")]
    assert "audit.witness_request" in told and "audit.witness_answer" in told and "audit.download" in told
    # The next request goes on from there.
    second = ask(officer, witness)
    assert (second.old, second.size) == (log, size)
    officer.post(f"{PAGE}{witness.key_id}/answer/", {"answer": witness.sign(file_text(officer, second))})
    publisher.ask_witnesses()
    assert Cosignature.objects.count() == 2


def test_after_a_refusal_another_answer_is_looked_at(
    officer: Client, witness: FileWitness, publisher: Publisher, log: int
) -> None:
    row = ask(officer, witness)
    answer = witness.sign(file_text(officer, row))
    publisher.connection.execute("UPDATE audit_witness_file SET answer = 'x', refusal = 'It was late.'")
    assert "It was late." in page(officer, f"?witness={witness.key_id}")
    assert officer.post(f"{PAGE}{witness.key_id}/answer/", {"answer": answer}).status_code == 302
    assert "It was late." not in page(officer, f"?witness={witness.key_id}")
    publisher.ask_witnesses()
    assert Cosignature.objects.get().size == log
    assert WitnessFile.objects.get(pk=row.pk).refusal == "It was late.", "what was refused stays on record"


def test_a_request_of_an_earlier_origin_is_void(
    officer: Client, witness: FileWitness, intruder: psycopg.Connection[Any], log: int
) -> None:
    row = ask(officer, witness)
    answer = witness.sign(file_text(officer, row))
    assert "Download the request" in page(officer, f"?witness={witness.key_id}")
    intruder.execute(
        "INSERT INTO audit_checkpoint (size, root, note, at) SELECT size + 2, root, "
        "replace(note, split_part(note, E'\\n', 1) || E'\\n', split_part(note, E'\\n', 1) || E'/2\\n'), at "
        "FROM audit_checkpoint ORDER BY size DESC LIMIT 1"
    )
    text = page(officer, f"?witness={witness.key_id}")
    assert "Download the request" not in text and "Write a request" in text
    late = refused(officer.post(f"{PAGE}{witness.key_id}/answer/", {"answer": answer}))
    assert "No request to this witness is open" in late


def file_text(officer: Client, row: WitnessFile) -> str:
    return officer.get(f"{PAGE}files/{row.pk}/").content.decode()


def test_the_picture_is_the_request(officer: Client, witness: FileWitness) -> None:
    answer = officer.get(f"{PAGE}files/{ask(officer, witness).pk}/code.svg")
    assert answer["Content-Type"] == "image/svg+xml" and answer.content.startswith(b"<svg")
    assert b"script" not in answer.content


def test_mistakes_stand_beside_their_field(
    officer: Client, witness: FileWitness, publisher: Publisher, sequence: Sequence, connect_as: Connect
) -> None:
    url = f"{PAGE}{witness.key_id}/answer/"
    assert "No request to this witness is open" in refused(officer.post(url, {"answer": "— x AAAA"}))
    row = ask(officer, witness)
    good = witness.sign(file_text(officer, row))
    other = good[:-20] + ("A" if good[-20] != "A" else "B") + good[-19:]
    for sent, words in (
        ({}, "Choose the file that came back"),
        ({"answer": "thank you"}, "This is not a cosignature"),
        ({"answer": other}, "fits none of the checkpoints"),
        ({"answer": "— witness.else AAAAAAAA"}, "holds no signature by"),
        ({"file": SimpleUploadedFile("x", b"\xff\xfe")}, "not text"),
        ({"file": SimpleUploadedFile("x", b"x" * 70_000)}, "longer than 64 KiB"),
    ):
        text = refused(officer.post(url, sent))
        assert words in text and 'id="answer-error"' in text, sent
        assert sent.get("answer", "") in text.replace("&#x27;", "'")
    for old, words in (("many", "for example 41203"), ("999999", "no witness can know 999999")):
        answer = officer.post(f"{PAGE}{witness.key_id}/request/", {"old": old})
        text = refused(answer)
        assert words in text and 'id="old-error"' in text and f'value="{old}"' in text
    assert WitnessFile.objects.count() == 1
    assert officer.post(f"{PAGE}00000000/request/").status_code == 404
    assert officer.get(f"{PAGE}files/99999999999999999999999/").status_code == 404


def refused(answer: Any) -> str:
    assert answer.status_code in (409, 422), answer.status_code
    return str(answer.content.decode())


def test_a_size_the_witness_named_is_taken(officer: Client, witness: FileWitness, log: int) -> None:
    row = ask(officer, witness, old="21")
    assert row.old == 21 and file_text(officer, row).startswith("old 21\n")


def test_faults_of_the_list_and_of_a_witness_are_sentences(
    officer: Client, witness: FileWitness, publisher: Publisher, settings: Any
) -> None:
    with settings.AUDIT_WITNESSES.open("a") as file:
        file.write("nonsense here\n")
    publisher.connection.execute(
        "INSERT INTO audit_witness_state (vkey, origin, name, known, tried_at, fault, sentence) VALUES "
        "(%s, (SELECT split_part(note, E'\\n', 1) FROM audit_checkpoint LIMIT 1), 'x', 0, now(), 'timeout', "
        "'It did not answer within 5 s.')",
        [witness.vkey.text],
    )
    text = page(officer)
    assert "witnesses.txt, line 2" in text and "It did not answer within 5 s." in text


def test_without_a_witness_the_page_says_what_that_means(officer: Client, log: int, settings: Any) -> None:
    settings.AUDIT_WITNESSES = Path("/nowhere")
    assert "nobody outside this service can tell" in page(officer)


def test_spans_are_told_in_one_unit() -> None:
    assert [span(s) for s in (45, 119, 120, 7_200, 200_000)] == ["45 s", "119 s", "2 min", "2 h", "2 days"]


# -- the same by command -----------------------------------------------------------------------------


def test_by_command(
    witness: FileWitness, publisher: Publisher, tmp_path: Path, log: int, capsys: Any
) -> None:
    request, answer = tmp_path / "a.request", tmp_path / "a.cosignature"
    call_command("audit_witness", write=request)
    assert f"For witness.test/by-file: {log} entries, from the 0 it knows." in capsys.readouterr().out
    answer.write_text(witness.sign(request.read_text()))
    call_command("audit_witness", read=answer)
    publisher.ask_witnesses()
    assert Cosignature.objects.get().size == log
    for name in ("a.svg", "a.png"):
        call_command("audit_witness", qr=tmp_path / name)
        assert (tmp_path / name).stat().st_size > 500
    for options, words in (
        ({"read": tmp_path / "missing"}, "can't be read"),
        ({"write": tmp_path / "no" / "where"}, "can't be written"),
        ({"qr": tmp_path / "a.gif"}, "must end in"),
        ({"write": request, "old": 99_999}, "cannot know"),
        ({"write": request, "witness": "nobody"}, "On the list: witness.test/by-file"),
    ):
        with pytest.raises(CommandError) as error:
            call_command("audit_witness", **options)
        assert words in str(error.value), options


@pytest.mark.parametrize("option", ["write", "read"])
def test_a_role_without_the_right_is_told_which_has_it(
    witness: FileWitness, tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch, connect_as: Connect
) -> None:
    request, answer = tmp_path / "a.request", tmp_path / "a.cosignature"
    call_command("audit_witness", write=request)
    answer.write_text(witness.sign(request.read_text()))
    monkeypatch.setattr(
        "audit.management.commands.audit_witness.plain", lambda _name: connect_as("csoc_sequencer")
    )
    with pytest.raises(CommandError, match="run it as csoc_app"):
        call_command("audit_witness", **{option: request if option == "write" else answer})
