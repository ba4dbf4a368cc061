"""A log that must not go on: each reason has its code and sentence, nothing is signed, nothing is moved."""

import io
import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command

from audit import notes, serving, verification
from audit.halt import SENTENCES, Halt
from audit.head import Head
from audit.logkeys import LogKeys
from audit.notes import Checkpoint
from audit.orders import Orders, Resume
from audit.sequencer import Sequencer
from tests.audit.conftest import ORIGIN, in_office
from tests.audit.logs import Crash, check_log, crash_after, entries, read_log, signers, write
from tests.servers import TestServers

Connect = Callable[[str], psycopg.Connection[Any]]
LINES = 41
YEAR = timedelta(days=366)


class Scene:
    """A log of 41 signed lines, its sequencer gone, three entries waiting; and a superuser to harm it."""

    def __init__(
        self, app: Any, intruder: Any, new: Callable[..., Sequencer], keys: LogKeys, head: Head
    ) -> None:
        self.app, self.intruder, self.new, self.keys, self.head = app, intruder, new, keys, head

    def lose_tail(self, size: int) -> None:
        """Take the database back to ``size`` lines, as an older backup has it."""
        self.intruder.execute("DELETE FROM audit_log WHERE idx >= %s", [size])
        self.intruder.execute("DELETE FROM audit_node WHERE (n + 1) << level > %s", [size])
        self.intruder.execute("DELETE FROM audit_checkpoint WHERE size > %s", [size])

    def halts(self) -> Halt:
        """A sequencer refuses to work, for the reason returned; and it has changed nothing."""
        before = self.picture()
        with pytest.raises(Halt) as halt:
            in_office(self.new())
        assert self.picture() == before, "nothing is signed, nothing is moved"
        return halt.value

    def picture(self) -> list[Any]:
        """Everything that a sequencer could have changed."""
        counts = "SELECT (SELECT count(*) FROM audit_log), (SELECT count(*) FROM audit_checkpoint)"
        return [
            self.app.execute(counts).fetchone(),
            self.intruder.execute("SELECT count(*) FROM audit_inbox").fetchone(),
            self.head.path.read_bytes() if self.head.path.is_file() else None,
            sorted(path.name for path in self.keys.folder.iterdir()),
        ]

    def order(self, fault: str) -> None:
        """Two people decide to go on."""
        order = Resume(fault, "restored-backup", "u-1042", "u-2001", self.keys.generation + 1)
        assert Orders(self.keys.folder).ask_resume(order)


@pytest.fixture
def scene(
    connect_as: Connect,
    intruder: Any,
    new_sequencer: Callable[..., Sequencer],
    log_keys: LogKeys,
    log_head: Head,
) -> Scene:
    """See Scene."""
    app = connect_as("csoc_app")
    sequencer = in_office(new_sequencer())
    for _batch in range(4):
        write(app, 10)
        sequencer.step()
    sequencer.connection.close()
    assert len(check_log(app)) == LINES
    write(app, 3)
    return Scene(app, intruder, new_sequencer, log_keys, log_head)


def another_root(scene: Scene, size: int) -> str:
    """A note of our own key over other lines."""
    return scene.keys.note(Checkpoint(ORIGIN, size, b"\x07" * 32))


def by_stranger(size: int) -> str:
    """A note under our name by another key."""
    checkpoint = Checkpoint(ORIGIN, size, b"\x07" * 32)
    return notes.note(checkpoint, [notes.sign(checkpoint, ORIGIN, Ed25519PrivateKey.generate())])


def replace_key(scene: Scene) -> None:
    """Another key lies where the log's was."""
    (scene.keys.folder / "current.key").unlink()
    LogKeys(scene.keys.folder, ORIGIN).create()
    (scene.keys.folder / "unsigned").unlink()


def replace_key_and_head(scene: Scene) -> None:
    """And it has signed what the database holds."""
    root = scene.app.execute("SELECT root FROM audit_checkpoint WHERE size = 41").fetchone()[0]
    replace_key(scene)
    scene.head.write(scene.keys.note(Checkpoint(ORIGIN, LINES, root)))


def by(statement: str) -> Callable[[Scene], Any]:
    """What a superuser does to the tables."""
    return lambda scene: scene.intruder.execute(statement)


NOTE = "UPDATE audit_checkpoint SET note = replace(note, '21', '20') WHERE size = 21"
#: code -> what is done to the log.
HARM: list[tuple[str, Callable[[Scene], Any]]] = [
    ("behind", lambda s: s.lose_tail(31)),
    ("behind", lambda s: s.lose_tail(0)),
    ("behind", lambda s: s.head.write(another_root(s, LINES + 1))),
    ("differs", lambda s: s.head.write(another_root(s, LINES))),
    ("differs", lambda s: s.head.write(another_root(s, 20))),
    ("checkpoint-differs", by("UPDATE audit_checkpoint SET root = sha256('x') WHERE size = 21")),
    ("checkpoint-differs", by(NOTE)),
    ("checkpoint-differs", by("UPDATE audit_checkpoint SET size = 99 WHERE size = 21")),
    ("node-missing", by("DELETE FROM audit_node WHERE level = 5")),
    ("differs", by("UPDATE audit_node SET hash = sha256('x') WHERE level = 5")),
    ("wrong-key", lambda s: s.head.write(by_stranger(LINES))),
    ("wrong-key", replace_key),
    ("wrong-key", replace_key_and_head),
    ("wrong-key", lambda s: (s.keys.folder / "current.key").write_bytes(b"no key")),
    ("wrong-key", by("UPDATE audit_log_key SET generation = 2")),
    ("key-missing", lambda s: (s.keys.folder / "current.key").unlink()),
    ("head-missing", lambda s: s.head.path.unlink()),
    ("head-unreadable", lambda s: s.head.path.write_bytes(b"\xff")),
    ("head-unreadable", lambda s: s.head.path.write_text("no note")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "harm"), HARM, ids=[f"{n}-{code}" for n, (code, _harm) in enumerate(HARM)])
def test_a_log_that_is_not_what_was_signed_halts(
    scene: Scene, code: str, harm: Callable[[Scene], Any]
) -> None:
    harm(scene)
    halt = scene.halts()
    assert halt.code == code, halt
    assert str(SENTENCES[code]) in str(halt)


def unsigned_tail(scene: Scene) -> None:
    """A crash left three lines without a signature."""
    doomed = in_office(scene.new(crash_after("committed")))
    with pytest.raises(Crash):
        doomed.step()


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("line-differs", "UPDATE audit_log SET line = replace(line, 'DEMO', 'ELSE') WHERE idx = 42"),
        ("line-differs", "UPDATE audit_log SET leaf = sha256('x') WHERE idx = 43"),
        ("line-differs", "DELETE FROM audit_log WHERE idx = 42"),
        ("node-differs", "UPDATE audit_node SET hash = sha256('x') WHERE level = 1 AND n = 20"),
        ("node-missing", "DELETE FROM audit_node WHERE level = 1 AND n = 20"),
    ],
)
def test_lines_that_wait_for_a_signature_are_derived_anew(scene: Scene, code: str, statement: str) -> None:
    unsigned_tail(scene)
    scene.intruder.execute(statement)
    write(scene.app, 1)
    assert scene.halts().code == code


def test_what_a_witness_proves_counts_and_what_anybody_could_write_does_not(scene: Scene) -> None:
    insert = """INSERT INTO audit_witness_state (vkey, origin, name, known, tried_at, evidence)
        VALUES (%s, 'o', 'w', 0, now(), %s)"""
    scene.intruder.execute(insert, ["one", "no note"])
    scene.intruder.execute(insert, ["two", by_stranger(900)])
    sequencer = in_office(scene.new())
    sequencer.connection.close()
    scene.intruder.execute(insert, ["three", another_root(scene, 900)])
    assert scene.halts().code == "witness-knows"
    scene.intruder.execute("UPDATE audit_witness_state SET evidence = %s", [another_root(scene, 20)])
    assert scene.halts().code == "witness-knows"


def test_what_a_witness_shows_stops_a_sequencer_at_work(scene: Scene) -> None:
    sequencer = in_office(scene.new())
    scene.intruder.execute(
        """INSERT INTO audit_witness_state (vkey, origin, name, known, tried_at, evidence)
        VALUES ('three', 'o', 'w', 0, now(), %s)""",
        [another_root(scene, 20)],
    )
    before = scene.picture()
    with pytest.raises(Halt) as halt:
        sequencer.step()
    assert halt.value.code == "witness-knows"
    assert scene.picture() == before, "the entries that wait stay in the inbox"


def ahead(scene: Scene, by: str) -> Sequencer:
    """The database's clock is ahead while three lines are written, and then set right again."""
    scene.intruder.execute("UPDATE audit_inbox SET at = at + %s::interval", [by])
    sequencer = in_office(scene.new())
    right = sequencer._now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequencer, "_now", lambda: right() + (timedelta(hours=1) if by == "1 hour" else YEAR))
        sequencer.step()
    return sequencer


def test_a_clock_that_ran_backwards_stops_the_next_batch_and_every_successor(scene: Scene) -> None:
    sequencer = ahead(scene, "1 hour")
    write(scene.app, 2)
    with pytest.raises(Halt) as halt:
        sequencer.step()
    assert halt.value.code == "clock-backwards"
    size = len(check_log(scene.app))
    assert scene.halts().code == "clock-backwards"
    assert len(read_log(scene.app)) == size
    assert scene.intruder.execute("SELECT count(*) FROM audit_inbox").fetchone() == (2,)


def test_two_sequencers_of_two_databases_never_share_a_head(scene: Scene) -> None:
    sequencer = in_office(scene.new())
    sequencer.step()
    scene.head.write(another_root(scene, 500))
    write(scene.app, 1)
    with pytest.raises(Halt) as halt:
        sequencer.step()
    assert halt.value.code == "head-changed"
    assert scene.halts().code == "behind"


def test_a_head_that_cannot_be_written_keeps_the_signature_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError("no space left")

    sequencer = in_office(scene.new())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(Halt) as halt:
            sequencer.step()
    assert halt.value.code == "head-unwritable"
    newest = "SELECT max(size) FROM audit_checkpoint"
    assert scene.app.execute(newest).fetchone() == (LINES,), "nobody saw the note"
    in_office(scene.new())
    assert len(check_log(scene.app)) == LINES + 3


def test_no_partition_left_is_a_halt_that_ends_with_one_more(
    scene: Scene, connect_as: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.intruder.execute("ALTER TABLE audit_log DETACH PARTITION audit_log_00001")
    sequencer = in_office(scene.new())
    monkeypatch.setattr(sequencer._log.frontier, "size", 1 << 20)
    with pytest.raises(Halt) as halt:
        sequencer.step()
    assert halt.value.code == "no-partition" and "line 1048576" in str(halt.value)


def test_a_head_older_than_the_table_is_caught_up(scene: Scene) -> None:
    old = scene.app.execute("SELECT note FROM audit_checkpoint WHERE size = 31").fetchone()[0]
    scene.head.write(old)
    sequencer = in_office(scene.new())
    sequencer.step()
    assert len(check_log(scene.app)) == LINES + 3
    assert Checkpoint.parse((scene.head.read() or "").partition("\n\n")[0] + "\n").size == LINES + 3


# -- a halt that two people end ------------------------------------------------------------------------

RESUMABLE: list[tuple[str, Callable[[Scene], Any]]] = [
    ("behind", lambda s: s.lose_tail(31)),
    ("differs", lambda s: s.head.write(another_root(s, LINES))),
    ("head-missing", lambda s: s.head.path.unlink()),
    ("head-unreadable", lambda s: s.head.path.write_bytes(b"\xff")),
    ("wrong-key", replace_key),
    ("key-missing", lambda s: (s.keys.folder / "current.key").unlink()),
]


CRASHES = ("generation", "aside", "first-lines", "signed", "headed", "kept")
ENDED = [(code, harm, "") for code, harm in RESUMABLE]
ENDED += [(code, harm, crash) for code, harm in RESUMABLE[:3] for crash in CRASHES]


@pytest.mark.parametrize(
    ("code", "harm", "crash"), ENDED, ids=[f"{code}-{crash}".strip("-") for code, _harm, crash in ENDED]
)
def test_two_people_let_it_go_on_under_a_new_origin(
    scene: Scene, code: str, harm: Callable[[Scene], Any], crash: str
) -> None:
    harm(scene)
    assert scene.halts().code == code
    size = len(read_log(scene.app))
    refused = scene.head.path.read_bytes() if scene.head.path.exists() else None
    scene.order(code)
    if crash:
        with pytest.raises(Crash):
            in_office(scene.new(crash_after(crash)))
    sequencer = in_office(scene.new())
    sequencer.step()
    rows = check_log(scene.app)
    assert len(rows) == size + 2 + 3
    halt, resume = entries(scene.app)[size : size + 2]
    assert (halt["verb"], halt["outcome"]) == ("log.halt", {"result": "failed", "code": code})
    assert (resume["verb"], resume["parent"]) == ("log.resume", halt["uid"])
    assert resume["actor"] == {"kind": "person", "id": "u-1042", "auth": "console"}
    assert resume["reason"] == {"code": "restored-backup", "authority": "second person: u-2001"}
    assert scene.keys.origin == f"{ORIGIN}/2" == str(scene.keys.vkey).partition("+")[0]
    assert signers(scene.head.read() or "", [str(scene.keys.vkey)])
    assert not Orders(scene.keys.folder).resumption.exists()
    aside = [path.read_bytes() for path in scene.head.folder.glob("refused-*")]
    assert aside == ([refused] if refused else [])
    # And it can halt again.
    sequencer.connection.close()
    scene.head.path.unlink()
    assert scene.halts().code == "head-missing"


def test_an_order_does_not_heal_a_database_that_contradicts_itself(scene: Scene) -> None:
    scene.head.path.unlink()
    scene.intruder.execute("UPDATE audit_log SET line = replace(line, 'DEMO', 'ELSE') WHERE idx = 4")
    scene.order("head-missing")
    with pytest.raises(Halt) as halt:
        in_office(scene.new())
    assert halt.value.code == "line-differs"
    assert len(read_log(scene.app)) == LINES


def test_an_order_for_a_log_that_is_in_order_is_dropped(scene: Scene) -> None:
    scene.order("behind")
    sequencer = in_office(scene.new())
    sequencer.step()
    assert scene.keys.origin == ORIGIN and not Orders(scene.keys.folder).resumption.exists()
    assert "log.resume" not in {entry["verb"] for entry in entries(scene.app)}


@pytest.mark.parametrize("crash", ["", *CRASHES[:1], *CRASHES[2:]])
def test_a_clock_that_was_wrong_for_good_is_ended_too(scene: Scene, crash: str) -> None:
    ahead(scene, "1 year").connection.close()
    size = len(read_log(scene.app))
    # Written meanwhile, and left in the inbox: this is not the time of anything.
    write(scene.app, 2)
    scene.intruder.execute("UPDATE audit_inbox SET at = at + interval '1 year'")
    assert scene.halts().code == "clock-backwards"
    scene.order("clock-backwards")
    if crash:
        with pytest.raises(Crash):
            in_office(scene.new(crash_after(crash)))
    successor = in_office(scene.new())
    assert successor.step() == 2
    write(scene.app, 2)
    assert successor.step() == 2
    check_log(scene.app)
    assert [entry["verb"] for entry in entries(scene.app)[size : size + 2]] == ["log.halt", "log.resume"]
    assert scene.keys.origin == f"{ORIGIN}/2" and not Orders(scene.keys.folder).resumption.exists()
    newest = "SELECT max(at) < clock_timestamp() FROM audit_log WHERE idx >= %s"
    assert scene.app.execute(newest, [size]).fetchone() == (True,)
    successor.connection.close()
    in_office(scene.new())
    assert verification.verify(scene.app).findings == []


def test_people_cannot_end_the_want_of_a_partition(scene: Scene, settings: Any, tmp_path: Path) -> None:
    scene.intruder.execute(serving.HALTED, {"fault": "no-partition"})
    settings.DATA_DIR, settings.AUDIT_ORIGIN = tmp_path, ORIGIN
    with pytest.raises(CommandError, match="audit_partition --ahead 8"):
        call_command("audit_resume", reason="restored-backup", officer="u-1042", second="u-2001")
    assert not Orders(serving.keys().folder).resumption.exists()


# -- the process and the command -----------------------------------------------------------------------


class Process:
    """The sequencer's own loop, in a thread."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=serving.run, args=(connect, self._stop.is_set))
        self._thread.start()

    def stop(self) -> None:
        """As SIGTERM does."""
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for something the process does."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_the_halted_process_stays_says_so_and_obeys_two_people(
    scene: Scene,
    servers: TestServers,
    own_database: str,
    settings: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.DATA_DIR, settings.AUDIT_HEAD_DIR, settings.AUDIT_ORIGIN = tmp_path, scene.head.folder, ORIGIN
    monkeypatch.setattr(serving, "KEY_FOLDER", Path("audit-log"))
    scene.lose_tail(31)
    with pytest.raises(CommandError, match="has not halted"):
        call_command("audit_resume", reason="restored-backup", officer="u-1042", second="u-2001")
    with caplog.at_level(logging.CRITICAL):
        process = Process(lambda: psycopg.connect(servers.url("csoc_sequencer", own_database)))
        try:
            pulse = "SELECT state, fault, size FROM audit_pulse"
            until(lambda: scene.app.execute(pulse).fetchone() == ("halted", "behind", 31), "it halts")
            assert "THE AUDIT LOG HAS HALTED" in caplog.text and "older backup" in caplog.text
            for reason, officer, second, fault in (
                ("restored-backup", "u-1042", "u-1042", "Two different people"),
                ("restored-backup", "avery", "u-2001", "not a person's number"),
                ("Because I say so", "u-1042", "u-2001", "is a code"),
            ):
                with pytest.raises(CommandError, match=fault):
                    call_command("audit_resume", reason=reason, officer=officer, second=second)
            told = io.StringIO()
            call_command(
                "audit_resume", reason="restored-backup", officer="u-1042", second="u-2001", stdout=told
            )
            assert f"goes on as {ORIGIN}/2" in told.getvalue()
            assert str(scene.keys.vkey) in told.getvalue()
            until(lambda: len(read_log(scene.app)) == 31 + 2 + 3, "it works again")
            working = ("working", "", 36)
            until(lambda: scene.app.execute(pulse).fetchone() == working, "it says so")
        finally:
            process.stop()
    check_log(scene.app)
