"""The publisher against a real witness process, against liars, and as a process of its own."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from audit import census, verification
from audit.checkpoints import Witness
from audit.head import Head
from audit.logkeys import LogKeys
from audit.models import Cosignature, Entry, WitnessState
from audit.notes import Checkpoint, VerifierKey
from audit.publisher import Publisher
from audit.verification import whole
from audit.witnessing import asking
from audit.witnessing import http as witness_http
from audit.witnessing.http import Unreachable, refuse_address
from tests.audit.test_notes import WITNESS_VKEY, cosign
from tests.audit.test_sequencer import write
from tests.audit.test_verification import rewritten

Connect = Callable[[str], psycopg.Connection[Any]]
Sequence = Callable[[], int]
ROOT = Path(__file__).resolve().parents[2]


class RunningWitness:
    """``tools/witness.py serve`` as another agency would run it."""

    def __init__(self, state: Path, log_vkey: str) -> None:
        self.state = state
        self.tool("init", "--state", str(state), "--name", "witness.test/one")
        self.tool("trust", "--state", str(state), log_vkey)
        command = [sys.executable, "tools/witness.py", "serve", "--state", str(state)]
        self.process = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self.process.stdout
        self.url = self.process.stdout.readline().split()[-1]
        self.vkey = VerifierKey.parse(self.process.stdout.readline().strip())

    @property
    def line(self) -> str:
        """Its line in the list."""
        return f"{self.vkey} {self.url} # Test agency\n"

    def tool(self, *arguments: str, status: int = 0) -> str:
        made = subprocess.run(
            [sys.executable, "tools/witness.py", *arguments], cwd=ROOT, capture_output=True, text=True
        )
        assert made.returncode == status, made.stderr
        return made.stdout + made.stderr

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def grow(connect_as: Connect, sequence: Sequence) -> Callable[[int], int]:
    """Write so many entries and seal them; returns the log's size."""
    app = connect_as("csoc_app")

    def run(count: int) -> int:
        write(app, count)
        return sequence()

    return run


@pytest.fixture
def witness(tmp_path: Path, grow: Callable[[int], int], log_keys: LogKeys) -> Iterator[RunningWitness]:
    grow(20)
    running = RunningWitness(tmp_path / "witness", str(log_keys.vkey))
    (tmp_path / "witnesses.txt").write_text(running.line)
    yield running
    running.stop()


@pytest.fixture
def publisher(connect_as: Connect, tmp_path: Path, log_head: Head) -> Publisher:
    made = Publisher(
        connect_as("csoc_publisher"),
        witnesses=tmp_path / "witnesses.txt",
        head=log_head.path,
        every_s=30,
        take_census=census.take,
    )
    assert made.take_office()
    return made


def verify(publisher: Publisher) -> verification.State:
    for _chunk in publisher.rolling.round():
        pass
    return verification.state()


def state_of(vkey: VerifierKey) -> WitnessState:
    return WitnessState.objects.get(vkey=vkey.text)


def test_a_witness_cosigns_and_follows_the_log(
    witness: RunningWitness, publisher: Publisher, grow: Callable[[int], int]
) -> None:
    publisher.ask_witnesses()
    assert list(Cosignature.objects.values_list("size", "witness")) == [(21, "witness.test/one")]
    size = grow(50)
    publisher.ask_witnesses()
    publisher.ask_witnesses()
    assert list(Cosignature.objects.values_list("size", flat=True).order_by("size")) == [21, size]
    assert (state_of(witness.vkey).known, state_of(witness.vkey).fault) == (size, "")
    report = verification.verify(publisher.connection, witnesses=[witness.vkey])
    assert (report.findings, report.cosignatures) == ([], 2)
    assert verify(publisher).word == "verified"


def test_a_witness_that_has_signed_is_left_alone(
    witness: RunningWitness, publisher: Publisher, grow: Callable[[int], int]
) -> None:
    publisher.ask_witnesses()
    witness.stop()
    publisher.ask_witnesses()
    assert state_of(witness.vkey).fault == ""
    grow(1)
    publisher.ask_witnesses()
    assert state_of(witness.vkey).fault == "unreachable"
    assert state_of(witness.vkey).sentence.startswith("It did not answer")


def test_an_answer_that_was_lost_costs_one_more_question(
    witness: RunningWitness,
    publisher: Publisher,
    grow: Callable[[int], int],
    intruder: psycopg.Connection[Any],
) -> None:
    publisher.ask_witnesses()
    intruder.execute("DELETE FROM audit_cosignature")
    intruder.execute("DELETE FROM audit_witness_state")
    publisher.ask_witnesses()
    assert Cosignature.objects.count() == 1, "the same size is signed again"
    intruder.execute("DELETE FROM audit_cosignature")
    intruder.execute("DELETE FROM audit_witness_state")
    size = grow(9)
    publisher.ask_witnesses()
    assert Cosignature.objects.get().size == size


def cut_back(intruder: psycopg.Connection[Any], size: int) -> None:
    """As an old backup would: nothing above ``size`` has ever been."""
    intruder.execute("DELETE FROM audit_log WHERE idx >= %s", [size])
    intruder.execute("DELETE FROM audit_node WHERE (n + 1) << level > %s", [size])
    intruder.execute("DELETE FROM audit_checkpoint WHERE size > %s", [size])
    intruder.execute("DELETE FROM audit_cosignature WHERE size > %s", [size])
    intruder.execute("DELETE FROM audit_verification")


def test_a_rollback_is_what_the_witness_knows_better(
    witness: RunningWitness,
    publisher: Publisher,
    grow: Callable[[int], int],
    intruder: psycopg.Connection[Any],
    log_head: Head,
) -> None:
    publisher.ask_witnesses()
    grow(30)
    publisher.ask_witnesses()
    cut_back(intruder, 21)
    intruder.execute("DELETE FROM audit_witness_state")
    log_head.path.unlink()
    publisher._again_at = 0.0
    publisher.ask_witnesses()
    kept = state_of(witness.vkey)
    assert kept.fault == "ahead" and kept.known == 51
    sentence = "The witness witness.test/one has seen a log of 51 entries; this one has 21."
    assert kept.sentence == sentence
    assert "\n51\n" in kept.evidence and witness.vkey.name in kept.evidence
    told = verify(publisher)
    assert (told.word, told.sentence, told.findings[0]["code"]) == ("broken", sentence, "rollback")
    # The evidence is the log's own signature: it counts even when the witness is struck off the list.
    (publisher._list).write_text("")
    assert verify(publisher).word == "broken"


def test_the_right_database_back_makes_the_evidence_fit_again(
    witness: RunningWitness,
    publisher: Publisher,
    grow: Callable[[int], int],
    intruder: psycopg.Connection[Any],
) -> None:
    grow(30)
    publisher.ask_witnesses()
    intruder.execute("BEGIN")
    cut_back(intruder, 21)
    intruder.execute("ROLLBACK")
    note = intruder.execute("SELECT note FROM audit_checkpoint WHERE size = 51").fetchone()
    assert note
    intruder.execute("UPDATE audit_witness_state SET fault = '', evidence = %s", [note[0]])
    assert verify(publisher).word == "verified"


def test_a_rewritten_history_is_what_the_witness_refuses(
    witness: RunningWitness,
    publisher: Publisher,
    grow: Callable[[int], int],
    intruder: psycopg.Connection[Any],
    log_keys: LogKeys,
    log_head: Head,
) -> None:
    grow(40)
    publisher.ask_witnesses()
    rewritten(intruder, log_keys)
    log_head.path.unlink()
    intruder.execute("DELETE FROM audit_cosignature")
    publisher._again_at = 0.0
    publisher.ask_witnesses()
    kept = state_of(witness.vkey)
    assert kept.fault == "differs" and kept.evidence
    told = verify(publisher)
    assert told.findings[0]["code"] == "fork"
    assert told.sentence == (
        "The witness witness.test/one has seen other entries: "
        "the first 61 of this log are not those it knows."
    )


def test_a_change_leaves_an_entry(
    publisher: Publisher, grow: Callable[[int], int], intruder: psycopg.Connection[Any], sequence: Sequence
) -> None:
    grow(60)
    verify(publisher)
    intruder.execute("UPDATE audit_log SET line = replace(line, 'allowed', 'denied') WHERE idx = 40")
    verify(publisher)
    verify(publisher)
    sequence()
    [found] = Entry.objects.filter(verb="audit.verify")
    entry = json.loads(found.line)["e"]
    assert entry["outcome"] == {"code": "line", "n": 1, "result": "failed"}
    assert entry["actor"] == {"id": "publisher", "kind": "system"}


# -- liars -----------------------------------------------------------------------------------------


class Liar:
    """A server that answers whatever a test wants: (status, headers, body chunks, seconds between them)."""

    def __init__(self) -> None:
        self.status, self.headers, self.chunks, self.pause_s = 200, {}, [b""], 0.0
        self.asked: list[bytes] = []
        liar = self

        class Door(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                liar.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(liar.status)
                for name, value in liar.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for chunk in liar.chunks:
                        self.wfile.write(chunk)
                        self.wfile.flush()
                        liar.stopped.wait(liar.pause_s)
                except OSError:
                    pass

            do_GET = do_POST

            def log_message(self, *args: Any) -> None:
                pass

        self.stopped = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def liar(tmp_path: Path) -> Iterator[Liar]:
    made = Liar()
    (tmp_path / "witnesses.txt").write_text(f"{WITNESS_VKEY} {made.url} # A liar\n")
    yield made
    made.stop()


def checkpoint(connection: psycopg.Connection[Any], log_keys: LogKeys) -> Checkpoint:
    signed = asking.newest(connection)
    assert signed
    return Checkpoint(log_keys.origin, signed.size, signed.root)


WRONG: dict[str, tuple[int, dict[str, str], bytes, str, str]] = {
    "moved": (302, {"Location": "http://127.0.0.1:1/"}, b"", "redirect", "another address"),
    "too big": (200, {}, b"x" * 70_000, "too-big", "64 KiB"),
    "not text": (200, {}, b"\xff\xfe", "not-text", "not text"),
    "words": (200, {}, b"yes, fine\n", "not-understood", "not a cosignature"),
    "empty": (200, {}, b"", "not-understood", "not a cosignature"),
    "no size": (409, {}, b"many\n", "not-understood", "nobody can read"),
    "a size with zeroes": (409, {}, b"0007\n", "not-understood", "nobody can read"),
    "always another size": (409, {}, b"7\n", "conflict", "two logs"),
    "unknown log": (404, {}, b"", "http-404", "does not know this log"),
    "unknown key": (403, {}, b"", "http-403", "does not accept our signature"),
    "not understood": (400, {}, b"", "http-400", "did not understand"),
    "broken": (500, {}, b"", "http-500", "HTTP status 500"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_liar_gets_nothing_into_the_log(
    what: str, liar: Liar, publisher: Publisher, grow: Callable[[int], int]
) -> None:
    grow(10)
    liar.status, liar.headers, body, code, words = WRONG[what]
    liar.chunks = [body]
    publisher.ask_witnesses()
    kept = state_of(WITNESS_VKEY)
    assert kept.fault == code and words in kept.sentence, kept.sentence
    assert Cosignature.objects.count() == 0 and len(liar.asked) <= 2
    assert verify(publisher).word == "verified"


def test_signatures_are_judged_strictly(
    liar: Liar, publisher: Publisher, grow: Callable[[int], int], log_keys: LogKeys
) -> None:
    grow(10)
    now = int(time.time())
    good = checkpoint(publisher.connection, log_keys)
    other = Checkpoint(good.origin, good.size, bytes(32))
    for line, code in (
        (cosign(other, now), "wrong-key"),
        (cosign(good, now, signed_as=now + 1), "wrong-key"),
        (cosign(good, now + 3_600), "clock"),
        (cosign(good, 0), "clock"),
        ("— somebody.else AAAAAAAA", "no-signature"),
        (cosign(good, now) + "\n\n— x", "not-understood"),
    ):
        liar.chunks = [line.encode() + b"\n"]
        publisher.ask_witnesses()
        assert state_of(WITNESS_VKEY).fault == code, line
        assert Cosignature.objects.count() == 0
    liar.chunks = [f"— somebody.else AAAAAAAA\n{cosign(good, now)}\n".encode()]
    publisher.ask_witnesses()
    assert Cosignature.objects.get().line == cosign(good, now), "only its own line is kept"


def test_a_claim_without_our_signature_counts_while_the_witness_is_listed(
    liar: Liar, publisher: Publisher, grow: Callable[[int], int], tmp_path: Path
) -> None:
    grow(10)
    liar.status, liar.chunks = 409, [b"999\n"]
    publisher.ask_witnesses()
    assert state_of(WITNESS_VKEY).evidence == ""
    told = verify(publisher)
    assert told.word == "broken" and "has seen a log of 999 entries; this one has 11." in told.sentence
    (tmp_path / "witnesses.txt").write_text("")
    assert verify(publisher).word == "verified"


def test_a_drip_of_bytes_is_cut_off(liar: Liar, publisher: Publisher, grow: Callable[[int], int]) -> None:
    grow(3)
    liar.chunks, liar.pause_s = [b"x"] * 200, 0.05
    witness = Witness(WITNESS_VKEY, liar.url, "")
    began = time.monotonic()
    with pytest.raises(Unreachable) as refused:
        witness_http.add_checkpoint(witness.url, "old 0\n", deadline_s=0.5)
    assert refused.value.code == "timeout" and time.monotonic() - began < 3


def test_two_witnesses_are_asked_at_once(
    witness: RunningWitness, liar: Liar, publisher: Publisher, tmp_path: Path
) -> None:
    """One that hangs does not take the other's voice."""
    (tmp_path / "witnesses.txt").write_text(f"nonsense\n{WITNESS_VKEY} {liar.url}\n{witness.line}")
    liar.status = 500
    publisher.ask_witnesses()
    assert Cosignature.objects.get().witness == witness.vkey.name
    assert state_of(WITNESS_VKEY).fault == "http-500"


@pytest.mark.parametrize(
    ("address", "words", "fine"),
    [
        ("http://127.0.0.1:8020", "", True),
        ("http://localhost:8020/a", "", True),
        ("http://[::1]:8020", "", True),
        ("http://witness.example", "", False),
        ("http://192.0.2.7", "partner", False),
        ("http://192.0.2.7", "partner, plain http", True),
        ("https://witness.example", "", True),
        ("https://user:word@witness.example", "", False),
        ("https://witness.example/?x", "", False),
        ("https://", "", False),
    ],
)
def test_addresses_off_this_machine_need_tls(address: str, words: str, fine: bool) -> None:
    if fine:
        refuse_address(address, words)
    else:
        with pytest.raises(Unreachable) as refused:
            refuse_address(address, words)
        assert refused.value.code == "address"


# -- the process -----------------------------------------------------------------------------------


@pytest.fixture
def start(servers: Any, own_database: str, tmp_path: Path, log_head: Head) -> Iterator[Callable[[], Any]]:
    """Start ``manage.py audit_publish`` as csoc_publisher on this test's database."""
    processes: list[subprocess.Popen[str]] = []

    def run() -> subprocess.Popen[str]:
        environment = os.environ | {
            "CSOC_DATABASE_URL": servers.url("csoc_publisher", own_database),
            "CSOC_AUDIT_WITNESSES": str(tmp_path / "witnesses.txt"),
            "CSOC_AUDIT_HEAD_DIR": str(log_head.folder),
            "CSOC_AUDIT_WITNESS_EVERY_S": "60",
            "CSOC_LOG_LEVEL": "INFO",
        }
        processes.append(
            subprocess.Popen(
                [sys.executable, "manage.py", "audit_publish"],
                cwd=ROOT,
                env=environment,
                text=True,
                stderr=subprocess.PIPE,
            )
        )
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_process_asks_at_once_when_woken_counts_and_stops(
    witness: RunningWitness,
    grow: Callable[[int], int],
    sequence: Sequence,
    start: Callable[[], Any],
    connect_as: Connect,
) -> None:
    process = start()
    until(lambda: verification.state().word == "verified")
    until(Cosignature.objects.exists)
    until(lambda: sequence() > 21)
    assert Entry.objects.filter(verb="log.census").count() == 1, "one at the first start"
    size = grow(5)
    connect_as("csoc_app").execute("NOTIFY audit_witness")
    until(lambda: Cosignature.objects.filter(size=size).exists(), 5)
    process.send_signal(signal.SIGTERM)
    # It finishes what it has in hand, at the lowest priority: only that it ends is asked here.
    assert process.wait(60) == 0


def test_a_second_publisher_stands_by(
    witness: RunningWitness, publisher: Publisher, connect_as: Connect, tmp_path: Path, log_head: Head
) -> None:
    rival = Publisher(
        connect_as("csoc_publisher"), witnesses=tmp_path / "witnesses.txt", head=log_head.path, every_s=30
    )
    assert not rival.take_office()
    publisher.connection.close()
    until(rival.take_office, 5)


def test_the_census_is_taken_once_a_day(
    publisher: Publisher, grow: Callable[[int], int], sequence: Sequence, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not publisher.count_if_due(), "an empty log has nothing to count"
    size = grow(10)
    assert publisher.count_if_due()
    assert not publisher.count_if_due(), "it is still in the inbox"
    sequence()
    publisher._census_at = 0.0
    assert not publisher.count_if_due()
    line = json.loads(Entry.objects.get(verb="log.census").line)["e"]
    assert line["census"]["size"] == size
    monkeypatch.setattr("audit.publisher.CENSUS_DUE", "SELECT true")
    publisher._take_census = lambda: 1 / 0
    assert not publisher.count_if_due(), "a failure is told, and the process lives"


def test_the_publisher_may_do_no_more_than_it_must(connect_as: Connect, grow: Callable[[int], int]) -> None:
    grow(3)
    publisher = connect_as("csoc_publisher")
    for statement in (
        "INSERT INTO audit_checkpoint (size, root, note) VALUES (1, '', '')",
        "INSERT INTO audit_log (idx, uid, line, leaf) VALUES (9, gen_random_uuid(), '{}', '')",
        "DELETE FROM audit_cosignature",
        "SELECT sealed FROM audit_detail",
        "SELECT * FROM accounts_person",
        "SELECT body FROM audit_inbox",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            publisher.execute(statement)


def test_the_log_grows_from_what_each_witness_knows(
    witness: RunningWitness, publisher: Publisher, grow: Callable[[int], int]
) -> None:
    """Proofs from every size to every later one, judged by the witness's own code."""
    for count in (1, 1, 2, 3, 5, 8, 13):
        grow(count)
        publisher.ask_witnesses()
        assert state_of(witness.vkey).fault == ""
    assert Cosignature.objects.count() == 7
    signed = asking.newest(publisher.connection)
    assert signed and whole.root_at(publisher.connection, signed.size) == signed.root
