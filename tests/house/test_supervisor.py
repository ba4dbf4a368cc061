"""The supervisor: restarts loudly, gives up on what never becomes ready, and leaves nothing behind."""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from csoc import supervisor as module
from csoc.supervisor import NotReady, Program, Stopping, Supervisor


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(module, "BACK_OFF_S", (0.1,))
    monkeypatch.setattr(module, "STOP_WITHIN_S", 1.0)
    made = Supervisor(tmp_path, started=time.time(), mark=secrets.token_hex(8))
    yield made
    made.stop()


def program(supervisor: Supervisor, name: str, code: str) -> Program:
    """A program that runs a line of Python."""
    command = [sys.executable, "-c", code]
    return Program(name, lambda: supervisor.spawn(name, command, dict(os.environ), Path("/")))


def watch_for(supervisor: Supervisor, seconds: float) -> None:
    """Watch in this thread until a timer ends it the way a signal does."""

    def end(number: int, frame: object) -> None:
        raise Stopping

    before = signal.signal(signal.SIGUSR1, end)
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
    try:
        with pytest.raises(Stopping):
            supervisor.watch()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_killed_process_is_started_again_and_it_is_said(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.begin(program(supervisor, "sleeper", "import time; time.sleep(600)"))
    restarts: list[int] = []
    supervisor.on_restart = lambda: restarts.append(1)
    first = supervisor.programs["sleeper"].process
    assert first is not None
    first.kill()
    watch_for(supervisor, 1.2)
    again = supervisor.programs["sleeper"].process
    assert again is not None and again.poll() is None and again.pid != first.pid
    assert restarts == [1]
    said = capsys.readouterr().out
    assert "sleeper was killed by SIGKILL; starting it again" in said
    assert "sleeper was started again" in said


def test_what_a_process_says_is_prefixed_and_logged(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    supervisor.run_once("teller", [sys.executable, "-c", "print('hello')"], dict(os.environ), Path("/"))
    deadline = time.monotonic() + 5
    said = ""
    while "hello" not in said and time.monotonic() < deadline:
        said += capsys.readouterr().out
        time.sleep(0.02)
    assert "teller | hello" in said
    assert (tmp_path / "teller.log").read_text() == "hello\n"


def test_a_process_that_ends_while_starting_is_quoted(supervisor: Supervisor) -> None:
    supervisor.begin(program(supervisor, "broken", "raise SystemExit('no such setting')"))
    supervisor.programs["broken"].ready = lambda: False
    with pytest.raises(NotReady, match=r"(?s)broken ended while starting.*no such setting"):
        supervisor.wait_ready(["broken"], timeout_s=10)


def test_a_process_that_never_answers_is_named(supervisor: Supervisor) -> None:
    silent = program(supervisor, "silent", "import time; time.sleep(600)")
    silent.ready = lambda: False
    supervisor.begin(silent)
    with pytest.raises(NotReady, match="silent did not answer"):
        supervisor.wait_ready(["silent"], timeout_s=0.3)


def test_stop_ends_the_stubborn_and_their_children(supervisor: Supervisor) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); print('up', flush=True); "
        "time.sleep(600)"
    )
    supervisor.begin(program(supervisor, "stubborn", code))
    deadline = time.monotonic() + 10
    while len(supervisor.leftovers()) < 2:
        assert time.monotonic() < deadline, "the grandchild is not seen"
        time.sleep(0.05)
    supervisor.stop()
    deadline = time.monotonic() + 5
    while supervisor.leftovers():
        assert time.monotonic() < deadline, supervisor.leftovers()
        time.sleep(0.05)


def test_one_ctrl_c_that_arrives_twice_does_not_hurry(supervisor: Supervisor) -> None:
    with pytest.raises(Stopping):
        supervisor._on_signal(signal.SIGINT, None)
    supervisor._on_signal(signal.SIGINT, None)
    assert not supervisor._hurry
    supervisor._stopping_since -= 2
    supervisor._on_signal(signal.SIGINT, None)
    assert supervisor._hurry


def test_stop_touches_nobody_elses_process(supervisor: Supervisor) -> None:
    """A process number that was ours may belong to a stranger by the time we stop."""
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], process_group=0
    ) as stranger:
        ended = subprocess.Popen(["true"], process_group=0)
        ended.wait()
        ended.pid = stranger.pid
        gone = program(supervisor, "gone", "")
        supervisor.adopt(gone, ended)
        supervisor.stop()
        time.sleep(0.2)
        assert stranger.poll() is None
        stranger.kill()


def test_a_process_that_hangs_is_started_again_and_it_is_said(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.05)
    hanging = program(supervisor, "hanging", "import time; time.sleep(600)")
    hanging.answers = lambda: False
    well = program(supervisor, "well", "import time; time.sleep(600)")
    well.answers = lambda: True
    supervisor.begin(hanging)
    supervisor.begin(well)
    first = {name: supervisor.programs[name].process for name in ("hanging", "well")}
    watch_for(supervisor, 1.5)
    assert supervisor.programs["hanging"].process is not first["hanging"]
    assert supervisor.programs["well"].process is first["well"]
    assert "hanging runs but does not answer" in capsys.readouterr().out
