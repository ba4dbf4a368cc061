"""One console for the faults of a file. Each fault waits until it is healed, so that their order is free."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from bench.driving import Person, Speaker, until
from bench.screens import Screen
from tests.house.test_run import processes_that_mention
from tests.running import RunningConsole

#: A process comes back at once, one that crashed before after a few seconds more.
BACK_WITHIN_S = 45.0


@dataclass
class Patient:
    """A running console with somebody signed in and a trailer that speaks."""

    running: RunningConsole
    speaker: Speaker
    dispatcher: Person
    second: Person
    accepted: list[str] = field(default_factory=list)

    def kill(self, name: str) -> int:
        """SIGKILL one process; returns the pid it had."""
        pid = int(self.running.info["pids"][name])
        os.kill(pid, signal.SIGKILL)
        return pid

    @contextlib.contextmanager
    def held_down(self, name: str) -> Iterator[None]:
        """Kill a process, and again whenever the supervisor has started it."""
        released = threading.Event()

        def hold() -> None:
            killed = 0
            while not released.wait(0.02):
                pid = int(self.running.info["pids"][name])
                if pid != killed:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                    killed = pid

        thread = threading.Thread(target=hold)
        thread.start()
        try:
            yield
        finally:
            released.set()
            thread.join()

    def is_back(self, name: str, before: int) -> float:
        """Wait until the supervisor has started it again; returns the seconds that took."""
        begun = time.monotonic()
        until(lambda: self.running.info["pids"][name] != before, BACK_WITHIN_S, f"{name} was started again")
        return time.monotonic() - begun

    def post(self) -> str | None:
        """Post a new alert on a new connection; its id when it was accepted, None when it was not."""
        body = self.speaker.gunshot()
        try:
            with httpx.Client(base_url=self.running.url, timeout=10) as http:
                answer = self.speaker.post(http, body)
        except httpx.HTTPError:
            return None
        if answer.status_code != 201:
            assert answer.status_code == 503, f"a fault answers 503, not {answer.status_code}: {answer.text}"
            return None
        self.accepted.append(body["id"])
        return str(body["id"])

    def accept(self, within: float = BACK_WITHIN_S) -> str:
        """Post until one is accepted; returns its id."""
        return str(until(self.post, within, "an alert is accepted"))

    def screen(self) -> Screen:
        """A board that has had its first heartbeat."""
        screen = Screen(self.running.url, self.dispatcher.cookie)
        until(screen.digests, 10, "the first heartbeat")
        return screen

    def pushes_are_live(self, screen: Screen, within: float = BACK_WITHIN_S) -> float:
        """Wait until a new alert arrives as a push; returns how long it took to be so again."""
        begun = time.monotonic()

        def pushed() -> bool:
            alert = self.accept()
            time.sleep(0.5)
            return bool(screen.alerts(alert))

        until(pushed, within, "pushes arrive again")
        return time.monotonic() - begun

    def digest(self) -> str:
        """What should be on this person's screen now."""
        return str(self.dispatcher.get("/api/v1/live/snapshot/").json()["digest"])


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patient]:
    """The console; at the end Ctrl-C must leave nothing of it, after all that happened to it."""
    data: Path = tmp_path_factory.mktemp("faults") / "data"
    running = RunningConsole(data).start()
    try:
        info = running.info
        with Person(info, "dispatcher") as dispatcher, Person(info, "dispatcher-2") as second:
            yield Patient(running, Speaker(info), dispatcher, second)
    finally:
        code = running.stop()
    assert code == 0, running.output[-3000:]
    assert "nothing of this console is left running" in running.output
    assert processes_that_mention(data) == []


@pytest.fixture(autouse=True)
def healthy(patient: Patient) -> Iterator[None]:
    """Begin with everything well; show the console's own words when a test fails."""
    with patient.screen() as screen:
        patient.pushes_are_live(screen)
    yield
