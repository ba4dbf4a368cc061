"""`console.py run --web 2`: two web processes share the port, and one answers while the other is gone."""

import contextlib
import os
import signal
from pathlib import Path

import httpx
import pytest

from bench.driving import Person, Speaker, entries, rows, until
from csoc import launcher
from tests.running import RunningConsole

CONNECTIONS = 40


def test_two_share_the_port_and_one_alone_carries_on(tmp_path: Path) -> None:
    with RunningConsole(tmp_path / "data", "--quiet-trailers", "--web", "2") as console:
        first, second = console.info["pids"]["web"], console.info["pids"]["web-2"]
        until(lambda: all(dealt(console, first, second)), 30, "the kernel deals connections out to both")
        os.kill(second, signal.SIGKILL)
        alert = Speaker(console.info).gunshot()
        with httpx.Client(base_url=console.url, timeout=30) as http:
            assert Speaker(console.info).post(http, alert).status_code == 201
        with Person(console.info, "dispatcher") as dana:
            assert dana.acknowledge(alert["id"]).status_code == 200
        assert rows(console.info, [alert["id"]]) == 1
        for verb in ("alert.receive", "alert.acknowledge"):
            assert entries(console.info, [alert["id"]], verb) == 1
        until(lambda: console.info["pids"]["web-2"] != second, 60, "it is started again")
        third = console.info["pids"]["web-2"]
        until(lambda: all(dealt(console, first, third)), 60, "both answer again")


def test_each_is_asked_for_itself_whether_it_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the shared port one that works would answer for one that hangs, and be blamed for it."""
    asked: list[str] = []

    def answers_at(url: str, timeout_s: float = 0.0) -> bool:
        asked.append(url)
        return True

    monkeypatch.setattr(launcher, "answers_at", answers_at)
    for web, shared in ((1, True), (3, False)):
        words = ["--port", "8765", "--data", str(tmp_path), "--web", str(web)]
        programs = launcher.Launcher(launcher.parse(words))._web()
        asked.clear()
        assert all(program.answers() and program.ready() for program in programs)
        places = {url.rpartition("/")[0] for url in asked}
        assert len(programs) == len(places) == web
        assert ("http://127.0.0.1:8765" in places) is shared


def dealt(console: RunningConsole, *pids: int) -> list[int]:
    """Open connections, ask each something, and tell how many each process got."""
    before = [sockets(pid) for pid in pids]
    with contextlib.ExitStack() as kept:
        for _ in range(CONNECTIONS):
            http = kept.enter_context(httpx.Client(base_url=console.url, timeout=30))
            assert http.get("/healthz").status_code == 200
        return [max(0, sockets(pid) - was) for pid, was in zip(pids, before, strict=True)]


def sockets(pid: int) -> int:
    """How many sockets a process has open."""
    found = 0
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            found += os.readlink(link).startswith("socket:")
    return found
