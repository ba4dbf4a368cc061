"""``tools/witness.py`` in real processes and on real sockets: every refusal with its statuses."""

import hashlib
import http.client
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit import notes
from audit.witnessing.selectors import fingerprint
from tests.audit_tools.conftest import NAME, TOOLS, Serving, State
from tests.audit_tools.logmaker import Key, Log, body, note
from tools import witness


def _cosigned(state: State, line: str, size: int) -> int:
    """The line verifies with the console's own code; returns its time."""
    text = state.log.note(size) + line
    keys = [notes.VerifierKey.parse(one) for one in (state.log.key.vkey, state.vkey)]
    ((key, at, _),) = notes.open_note(text, keys, strict=True).cosignatures
    assert key.text == state.vkey
    return at


def test_init_makes_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    made = witness.Witness.create(folder, NAME)
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
    assert notes.VerifierKey.parse(made.vkey).algorithm == notes.WITNESS
    with pytest.raises(witness.Refusal, match="has a key already"):
        witness.Witness.create(folder, NAME)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb", "\udcff", "a\u2028b"])
def test_a_name_that_no_note_could_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(witness.Refusal) as refusal:
        witness.Witness.create(tmp_path / "new", name)
    assert refusal.value.status == 2


def test_by_http_a_growing_log_is_cosigned_and_its_note_is_public(state: State, serving: Serving) -> None:
    for old, new in ((0, 3), (3, 3), (3, 10), (10, 257)):
        answer = serving.post(state.log.request(old, new))
        assert answer.status == 200, answer
        assert _cosigned(state, answer.body, new) > 1_790_000_000
    path = hashlib.sha256(state.log.origin.encode()).hexdigest()
    newest = serving.ask(f"/{path}/checkpoint")
    assert newest.status == 200
    assert newest.body == state.log.note(257) + answer.body == state.note
    assert serving.ask(f"/{'0' * 64}/checkpoint").status == 404
    assert serving.ask("/checkpoint").status == 404


def test_by_file_the_same_bytes_give_the_same_kind_of_answer(state: State, tmp_path: Path) -> None:
    request, answer = tmp_path / "a.request", tmp_path / "a.cosignature"
    request.write_text(state.log.request(0, 5))
    result = state.run("sign", str(request), "--out", str(answer))
    assert (result.returncode, result.stderr) == (0, "")
    _cosigned(state, answer.read_text(), 5)
    shown = state.run("show").stdout
    assert state.vkey in shown
    assert "size 5" in shown


def _forked(state: State) -> str:
    other = Log(state.log.origin, "other ")
    return other.request(5, 5)


def _unproven(state: State) -> str:
    other = Log(state.log.origin, "other ")
    return other.request(5, 9)


def _signed_by(name: str, seed: bytes = b"x" * 32, keep: bool = False) -> str:
    log, stranger = Log(), Key(name, seed=seed)
    text = log.text(9)
    line = stranger.line(text)
    if keep:  # the name and id of the trusted key over a signature by another
        good = log.key.line(text)
        line = good[:-20] + ("A" * 18 + "=\n" if good[-20:-2] != "A" * 18 else "B" * 18 + "=\n")
    log.grow(9)
    return log.request(5, 9, text + "\n" + line)


CASES = {
    "fork": (_forked, 422, 13, "Fork"),
    "no proof": (_unproven, 422, 13, "Fork"),
    "empty proof": (lambda s: f"old 5\n\n{s.log.note(9)}", 422, 13, "Fork"),
    "rollback": (lambda s: s.log.request(3, 3), 409, 12, "Rollback"),
    "behind": (lambda s: s.log.request(0, 9), 409, 2, "ask again"),
    "ahead": (lambda s: s.log.request(7, 9), 409, 2, "ask again"),
    "old above new": (lambda s: s.log.request(9, 9).replace("old 9", "old 10"), 400, 22, "above its own"),
    "unknown log": (lambda s: Log("other.example/log").request(0, 3), 404, 10, "Missing key"),
    "unknown key": (lambda s: _signed_by("log.example/audit"), 403, 10, "Missing key"),
    "wrong key": (lambda s: _signed_by("log.example/audit", keep=True), 403, 11, "Wrong key"),
    "no note": (lambda s: "old 5\n\nnothing", 400, 22, "note"),
    "no request": (lambda s: s.log.note(9), 400, 22, "request begins"),
    "hash too short": (
        lambda s: s.log.request(5, 9).replace("old 5\n", "old 5\nAAAA\n"),
        400,
        22,
        "32 bytes",
    ),
    "not base64": (lambda s: s.log.request(5, 9).replace("old 5\n", "old 5\n!!!!\n"), 400, 22, "base64"),
    "64 hashes": (
        lambda s: s.log.request(5, 9).replace("old 5\n", "old 5\n" + ("A" * 43 + "=\n") * 64),
        400,
        22,
        "63",
    ),
    "leading zero": (lambda s: s.log.request(5, 9).replace("old 5", "old 05"), 400, 22, "request begins"),
    "extension line": (
        lambda s: s.log.request(5, 9, note(s.log.text(9) + "more\n", s.log.key)),
        400,
        22,
        "three lines",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_has_its_message_and_both_statuses(state: State, serving: Serving, case: str) -> None:
    assert serving.post(state.log.request(0, 5)).status == 200
    before = state.note
    make, http_status, status, words = CASES[case]
    request = make(state)
    answer = serving.post(request)
    assert answer.status == http_status, answer
    if http_status == 409:
        assert (answer.body, answer.kind) == ("5\n", "text/x.tlog.size")
    else:
        assert words in answer.body
    by_file = state.sign(request)
    assert (by_file.returncode, by_file.stdout) == (status, "")
    assert words in by_file.stderr
    assert "Traceback" not in by_file.stderr
    assert state.note == before
    assert len(state.evidence) == (status == 13)


def test_a_fork_is_kept_with_both_notes_once(state: State) -> None:
    assert state.sign(state.log.request(0, 5)).returncode == 0
    for _ in range(3):
        assert state.sign(_forked(state)).returncode == 13
    (kept,) = state.evidence
    for signed in (state.log.note(5), Log(state.log.origin, "other ").note(5)):
        assert signed.strip() in kept
    assert "1" in state.run("show").stdout.split()[-1]


def test_a_fork_is_kept_even_when_the_protocol_answers_409(state: State, serving: Serving) -> None:
    assert serving.post(state.log.request(0, 5)).status == 200
    answer = serving.post(Log(state.log.origin, "other ").request(0, 5))
    assert (answer.status, answer.body) == (409, "5\n")
    assert len(state.evidence) == 1


def test_size_zero_has_one_root_and_a_start_at_zero_no_proof(state: State, serving: Serving) -> None:
    wrong = note(body(state.log.origin, 0, bytes(32)), state.log.key)
    assert serving.post(f"old 0\n\n{wrong}").status == 422
    assert (
        serving.post(state.log.request(0, 2).replace("old 0\n", "old 0\n" + "A" * 43 + "=\n")).status == 422
    )
    assert serving.post(state.log.request(0, 0)).status == 200
    assert serving.post(state.log.request(0, 2)).status == 200


def _dated(state: State, at: int) -> None:
    """As if this witness had cosigned at ``at``."""
    text = state.log.text(5)
    witness.Witness(state.folder).path(state.log.origin).write_text(
        note(text, state.log.key) + state.key.line(text, at)
    )


def test_a_clock_that_ran_backwards_signs_nothing_and_says_so(state: State, serving: Serving) -> None:
    _dated(state, 4_000_000_000)
    before = state.note
    answer = serving.post(state.log.request(5, 9))
    assert answer.status == 503
    assert "clock runs backwards" in answer.body
    assert "4000000000" in answer.body
    by_file = state.sign(state.log.request(5, 9))
    assert by_file.returncode == 14
    assert "clock runs backwards" in by_file.stderr
    assert state.note == before


def test_the_clock_counts_for_all_logs_of_a_witness(state: State) -> None:
    _dated(state, 4_000_000_000)
    other = Log("other.example/log")
    assert state.run("trust", other.key.vkey).returncode == 0
    assert state.sign(other.request(0, 3)).returncode == 14


def test_trust_takes_effect_while_the_witness_serves(state: State, serving: Serving) -> None:
    newer = Key(state.log.origin, seed=b"n" * 32)
    assert serving.post(state.log.request(0, 5)).status == 200
    signed = note(state.log.text(9), newer)
    assert serving.post(state.log.request(5, 9, signed)).status == 403
    assert state.run("trust", newer.vkey).returncode == 0
    assert state.run("trust", newer.vkey).returncode == 0
    assert state.run("show").stdout.count(newer.vkey) == 1
    assert serving.post(state.log.request(5, 9, signed)).status == 200
    both = note(state.log.text(12), state.log.key, newer)
    assert serving.post(state.log.request(9, 12, both)).status == 200
    assert state.note.count("\u2014 log.example/audit") == 2


def test_unknown_signatures_are_ignored_and_not_kept(state: State, serving: Serving) -> None:
    signed = state.log.note(5, Key("stranger.example/key"))
    assert serving.post(state.log.request(0, 5, signed)).status == 200
    assert "stranger" not in state.note


@pytest.mark.parametrize("vkey", ["", "nonsense", "a+b+c", "log.example/audit+00000000+AaAAAAAA"])
def test_a_key_that_cannot_be_read_is_not_trusted(state: State, vkey: str) -> None:
    result = state.run("trust", "--", vkey)
    assert result.returncode == 22
    assert "Traceback" not in result.stderr


def test_a_cosigner_key_and_one_of_small_order_are_not_trusted(state: State) -> None:
    small = Key("log.example/audit")
    small.public = (1).to_bytes(32, "little")
    forged = witness.vkey_of(small.name, witness.LOG, small.public)
    for vkey in (state.vkey, forged):
        assert state.run("trust", vkey).returncode == 22


def test_twenty_at_once_and_one_wins(state: State, serving: Serving) -> None:
    """Every request starts from the same size: one is cosigned, nineteen learn the size it made."""
    assert serving.post(state.log.request(0, 5)).status == 200
    requests = [state.log.request(5, 6 + n) for n in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(serving.post, requests))
    won = [n for n, answer in enumerate(answers) if answer.status == 200]
    assert len(won) == 1, answers
    size = 6 + won[0]
    assert {answer.body for answer in answers if answer.status == 409} == {f"{size}\n"}
    assert len([answer for answer in answers if answer.status == 409]) == 19
    assert state.note == state.log.note(size) + answers[won[0]].body
    assert state.evidence == []


def test_two_processes_on_one_state_never_cosign_two_histories(state: State, serving: Serving) -> None:
    """`serve` and `sign` take one lock: of two continuations with different roots only one is cosigned."""
    assert serving.post(state.log.request(0, 5)).status == 200
    for round_ in range(4):
        size = 5 + round_
        forks = []
        for word in ("a", "b"):
            fork = Log(state.log.origin)
            fork.leaves = list(state.log.leaves[:size])
            fork.start = f"{word}{round_} "
            forks.append((fork, fork.request(size, size + 1)))
        with ThreadPoolExecutor(2) as pool:
            by_http = pool.submit(serving.post, forks[0][1])
            by_file = pool.submit(state.sign, forks[1][1])
            outcomes = [by_http.result().status == 200, by_file.result().returncode == 0]
        assert sorted(outcomes) == [False, True]
        state.log.leaves = forks[outcomes.index(True)][0].leaves[: size + 1]
    assert len(state.evidence) == 4


def test_a_body_without_end_is_cut_off(serving: Serving) -> None:
    host, _, port = serving.url.removeprefix("http://").partition(":")
    for header in ("Content-Length: 99999999", "Transfer-Encoding: chunked", "Content-Length: x"):
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            raw.sendall(f"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n{header}\r\n\r\n".encode())
            answer = http.client.HTTPResponse(raw)
            answer.begin()
            assert answer.status == 413
            answer.read()
            answer.close()


def test_a_missing_key_and_missing_files_end_with_a_sentence(state: State, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, status in (
        (("show", "--state", str(tmp_path / "empty")), 10),
        (("sign", "--state", str(state.folder), str(tmp_path / "absent")), 2),
        (("serve", "--state", str(state.folder), "--listen", "nowhere"), 2),
    ):
        result = state.run(arguments[0], *arguments[1:])
        assert result.returncode == status
        assert "Traceback" not in result.stderr
        assert result.stderr.strip()


def test_after_a_stop_the_state_is_whole(state: State) -> None:
    first = Serving(state)
    assert first.post(state.log.request(0, 5)).status == 200
    assert first.stop() == 0
    second = Serving(state)
    try:
        assert second.post(state.log.request(0, 9)).body == "5\n"
        assert second.post(state.log.request(5, 9)).status == 200
    finally:
        assert second.stop() == 0


def test_it_imports_nothing_of_ours() -> None:
    source = Path(witness.__file__).read_text()
    assert "cryptography" not in source
    assert not any(
        f"import {name}" in source or f"from {name}" in source for name in ("audit", "csoc", "tools")
    )


# What people type, and what happens to a folder


def _refused(result: "subprocess.CompletedProcess[str]", status: int, words: str) -> None:
    assert result.returncode == status, result
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        ("127.0.0.1:99999", "up to 65535"),
        ("nowhere", "up to 65535"),
        ("256.256.256.256:8020", "Cannot listen"),
        (f"{'a' * 70}.example:8020", "Cannot listen"),
        ("..:8020", "Cannot listen"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_named(state: State, listen: str, words: str) -> None:
    _refused(state.run("serve", "--listen", listen), 2, words)


def test_a_port_that_is_taken_is_named(state: State) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        _refused(state.run("serve", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"), 2, "Cannot listen")


def test_bytes_that_are_no_text_are_refused(state: State, tmp_path: Path) -> None:
    bad = os.fsdecode(b"\xff")
    _refused(state.run("init", "--state", str(tmp_path / "other"), "--name", bad), 2, "UTF-8")
    _refused(state.run("trust", state.log.key.vkey, "--origin", bad), 2, "UTF-8")
    _refused(state.run("trust", bad + state.log.key.vkey), 22, "not the verifier key")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("origin", ["a\nb", "a\rb", "a\x85b", "a\u2028b", "a\x1fb", "a\n"])
def test_an_origin_is_one_line(state: State, origin: str) -> None:
    before = (state.folder / "trusted.txt").read_bytes()
    _refused(state.run("trust", state.log.key.vkey, "--origin", origin), 2, "one line")
    assert (state.folder / "trusted.txt").read_bytes() == before


@pytest.mark.parametrize(
    "key",
    [
        b"witness.example/one\nab\n",
        b"witness.example/one\n" + b"a" * 63 + b"\n",
        b"witness.example/one\n" + b"A" * 64 + b"\n",
        b"a+b\n" + b"a" * 64 + b"\n",
        b"a" * 64 + b"\n",
        b"\xff\xfe",
    ],
)
def test_a_damaged_key_signs_nothing(state: State, key: bytes) -> None:
    (state.folder / "key").write_bytes(key)
    _refused(state.sign(state.log.request(0, 5)), 22, f"{state.folder / 'key'} cannot be used")


def _log_file(state: State) -> Path:
    return state.folder / "logs" / hashlib.sha256(state.log.origin.encode()).hexdigest()


DAMAGE = {
    "binary note": (_log_file, b"\xff\x00\xfe", "not UTF-8 text"),
    "empty note": (_log_file, b"", "empty line and 1 to 64"),
    "half a note": (_log_file, b"log.example/audit\n5\n", "empty line and 1 to 64"),
    "binary list": (lambda state: state.folder / "trusted.txt", b"\xff\x00\xfe", "not UTF-8 text"),
    "other words in the list": (lambda state: state.folder / "trusted.txt", b"\nhello\n", "line 2"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_folder_is_our_fault_and_said_once(state: State, tmp_path: Path, case: str) -> None:
    where, data, words = DAMAGE[case]
    said = tmp_path / "stderr"
    with said.open("w") as file:
        serving = Serving(state, stderr=file)
        try:
            assert serving.post(state.log.request(0, 5)).status == 200
            good = where(state).read_bytes()
            where(state).write_bytes(data)
            answers = [serving.post(state.log.request(5, 9)) for _ in range(3)]
            if where is _log_file:
                answers.append(serving.ask(f"/{_log_file(state).name}/checkpoint"))
            for answer in answers:
                assert answer.status == 500, answer
                assert words in answer.body
            _refused(state.sign(state.log.request(5, 9)), 22, words)
            if "list" in case:
                _refused(state.run("show"), 22, words)
            where(state).write_bytes(good)
            assert serving.post(state.log.request(5, 9)).status == 200
        finally:
            serving.stop()
    text = said.read_text()
    assert text.count(words) == 1
    assert "Traceback" not in text


def test_a_folder_that_cannot_be_written_is_a_sentence(state: State, tmp_path: Path) -> None:
    said = tmp_path / "stderr"
    with said.open("w") as file:
        serving = Serving(state, stderr=file)
        try:
            shutil.rmtree(state.folder / "logs")
            answer = serving.post(state.log.request(0, 5))
        finally:
            serving.stop()
    assert answer.status == 500
    assert "cannot read or write its own folder" in answer.body
    assert "Traceback" not in said.read_text()


def test_clients_that_leave_cost_a_line_each(state: State, tmp_path: Path) -> None:
    said = tmp_path / "stderr"
    with said.open("w") as file:
        serving = Serving(state, stderr=file)
        try:
            host, _, port = serving.url.removeprefix("http://").partition(":")
            for reset in (False, True):
                with socket.create_connection((host, int(port)), timeout=20) as raw:
                    raw.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 500\r\n\r\nold")
                    if reset:
                        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for _ in range(100):
                if said.read_text().count("the client left") == 2:
                    break
                serving.ask("/")
            assert serving.post(state.log.request(0, 5)).status == 200
        finally:
            serving.stop()
    lines = [line for line in said.read_text().splitlines() if "GET /" not in line and "POST" not in line]
    assert len(lines) == 2, lines
    assert all("the client left" in line for line in lines)


def test_keys_are_shown_as_the_page_shows_them(state: State, tmp_path: Path) -> None:
    def groups(vkey: str) -> str:
        return " ".join(fingerprint(notes.VerifierKey.parse(vkey)))

    made = state.run("init", "--state", str(tmp_path / "other"), "--name", NAME)
    assert made.stderr.strip().endswith(groups(made.stdout.strip()))
    assert (
        f"Fingerprint of its key: {groups(state.log.key.vkey)}\n"
        in state.run("trust", state.log.key.vkey).stdout
    )
    assert f"Fingerprint: {groups(state.vkey)}\n" in state.run("show").stdout


def test_an_old_python_is_told_before_anything_else(tmp_path: Path) -> None:
    """The check stands before everything that an old Python could stumble over."""
    old = "import sys, runpy; sys.version_info = (3, 8, 18, 'final', 0); sys.argv = ['w']; runpy.run_path(%r)"
    script = old % str(TOOLS / "witness.py")
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "witness.py needs Python 3.9 or newer; this is 3.8.\n"
    source = (TOOLS / "witness.py").read_text()
    assert source.index("version_info") < source.index("import argparse")
    assert "from __future__" not in source  # an old Python refuses the whole file for it
    compile(source, "witness.py", "exec", _feature_version=6)
