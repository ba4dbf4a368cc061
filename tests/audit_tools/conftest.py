"""A witness's state folder, its commands as real processes, and its HTTP door on a real socket."""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.audit_tools.logmaker import COSIGNATURE, Key, Log
from tools import witness

TOOLS = Path(__file__).parents[2] / "tools"
NAME = "witness.example/one"


class Answer(NamedTuple):
    status: int
    body: str
    kind: str


class State:
    """A witness in ``folder`` that trusts ``log``."""

    def __init__(self, folder: Path, log: Log) -> None:
        self.folder, self.log = folder, log
        made = witness.Witness.create(folder, NAME)
        made.trust(log.key.vkey, "")
        self.vkey = made.vkey
        self.key = Key(NAME, COSIGNATURE, seed=bytes.fromhex((folder / "key").read_text().split()[1]))

    def run(self, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """One command of the tool, by the interpreter of the tests, without site packages."""
        command, *rest = arguments
        return subprocess.run(
            [sys.executable, "-I", "-S", TOOLS / "witness.py", command, "--state", self.folder, *rest],
            capture_output=True,
            text=True,
            timeout=60,
            **options,
        )

    def sign(self, request: str) -> "subprocess.CompletedProcess[str]":
        return self.run("sign", "-", input=request)

    @property
    def note(self) -> str:
        """The newest note, as kept."""
        return witness.Witness(self.folder).path(self.log.origin).read_text()

    @property
    def evidence(self) -> list[str]:
        return [path.read_text() for path in sorted((self.folder / "evidence").iterdir())]


class Serving:
    """``witness.py serve`` as a process of its own."""

    def __init__(self, state: State, stderr: Any = subprocess.DEVNULL) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                TOOLS / "witness.py",
                "serve",
                "--state",
                state.folder,
                "--listen",
                "127.0.0.1:0",
            ],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        assert self.process.stdout is not None
        match = re.search(r"http://\S+", self.process.stdout.readline())
        assert match, "the witness did not start"
        self.url = match[0]

    def ask(self, path: str, data: bytes | None = None) -> Answer:
        try:
            with urllib.request.urlopen(self.url + path, data=data, timeout=30) as answer:
                return Answer(answer.status, answer.read().decode(), answer.headers["Content-Type"])
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode(), error.headers["Content-Type"])

    def post(self, request: str) -> Answer:
        return self.ask("/add-checkpoint", request.encode())

    def stop(self) -> int:
        self.process.terminate()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(timeout=20)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "witness", Log())


@pytest.fixture
def serving(state: State) -> Iterator[Serving]:
    process = Serving(state)
    yield process
    process.stop()
