"""A real console in a subprocess, started the way a person starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from csoc.launcher import free_ports

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 240.0


class RunningConsole:
    """``console.py run`` on its own data directory and port; use as a context manager.

    ``env``: settings of the environment, beside those of every test.
    """

    def __init__(self, data: Path, *words: str, env: dict[str, str] | None = None) -> None:
        self.data = data
        self.port = free_ports(1)[0]
        self.words = list(words) or ["--quiet-trailers"]
        self.env = {"CSOC_ENV": "test"} | (env or {})
        self.process: subprocess.Popen[str] | None = None
        self._log = data.with_suffix(".out")

    @property
    def url(self) -> str:
        """The console's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def info(self) -> dict[str, Any]:
        """What run.json says now; pids change when a process was started again."""
        loaded: dict[str, Any] = json.loads((self.data / "run.json").read_text("utf-8"))
        return loaded

    @property
    def output(self) -> str:
        """Everything it printed so far."""
        return self._log.read_text(errors="replace")

    def start(self) -> RunningConsole:
        """Start it and wait until it is ready. Errors: AssertionError with the end of its output."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("CSOC_")}
        command = [sys.executable, "console.py", "run", "--data", str(self.data), "--port", str(self.port)]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *self.words],
                cwd=ROOT,
                env=clean | self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                process_group=0,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while not (self.data / "run.json").exists():
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"The console did not become ready:\n{self.output[-4000:]}")
            time.sleep(0.1)
        return self

    def stop(self) -> int:
        """Press Ctrl-C and wait; return the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def __enter__(self) -> RunningConsole:
        return self.start()

    def __exit__(self, *details: object) -> None:
        self.stop()
