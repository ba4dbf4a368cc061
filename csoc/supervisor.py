"""Keeps a set of processes alive, shows what they say, and leaves nothing behind.

No Django here. Every process gets its own process group, so that Ctrl-C in the terminal reaches only us
and we stop them in order, and a parting signal from the kernel in case we are killed ourselves.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from csoc.embedded import die_with_parent

#: Seconds before a crashed process is started again: the first time, the second time, and so on.
BACK_OFF_S = (1, 2, 4, 8, 15, 30)
#: A process that ran this long is forgiven its earlier crashes.
FORGIVEN_AFTER_S = 60.0
#: Each process stops within some 2 s on a quiet machine and 9 s on one with eight times its work; only one
#: that hangs is ended. A second Ctrl-C hurries.
STOP_WITHIN_S = 30.0
LOG_BYTES = 10_000_000
#: A process that runs but answers nothing is worse than a dead one: nobody is told. Generous, because a
#: machine may be busy for a while.
PROBE_EVERY_S = 5.0
PROBE_MISSES = 4
#: Every process of one run carries this in its environment, so that leftovers can be found.
RUN_MARK = "CSOC_RUN"

_COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)


class Stopping(BaseException):
    """Raised in the main thread by the first Ctrl-C or SIGTERM."""


class NotReady(Exception):
    """A process ended, or did not answer, while starting. ``str()`` says which and what it said last."""


@dataclass
class Program:
    """One process: how to start it, how to tell that it works, and what became of it."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    ready: Callable[[], bool] | None = None
    #: Asked while it runs; missing ``PROBE_MISSES`` times in a row means it hangs.
    answers: Callable[[], bool] | None = None
    parting: signal.Signals = signal.SIGTERM
    #: Higher tiers stop first: programs before the servers they use.
    tier: int = 1
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    crashes: int = 0
    misses: int = 0
    start_again_at: float = 0.0

    def alive(self) -> bool:
        """True while its process runs."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Starts programs, watches them, restarts what crashes, stops everything."""

    def __init__(self, logs: Path, *, started: float, mark: str, database_dir: Path | None = None) -> None:
        self.logs = logs
        self.database_dir = database_dir
        self.mark = mark
        self.programs: dict[str, Program] = {}
        self.on_restart: Callable[[], None] = lambda: None
        #: Programs whose words go to their log file only.
        self.quiet: set[str] = set()
        self._started = started
        self._screen = threading.Lock()
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._hurry = False
        self._stopping = False
        self._stopping_since = 0.0

    # -- the screen --------------------------------------------------------------------------------

    def say(self, text: str, colour: int = 1) -> None:
        """Print one progress line with the time since the start."""
        line = f"[{time.time() - self._started:6.1f} s] {text}"
        self._print(f"\033[{colour}m{line}\033[0m" if self._colour else line)

    def _print(self, line: str) -> None:
        with self._screen, contextlib.suppress(OSError, ValueError):
            print(line, flush=True)

    def _relay(self, name: str, colour: int, process: subprocess.Popen[bytes]) -> None:
        """Copy what a process says to its log file and, prefixed, to the screen."""
        assert process.stdout is not None
        path = self.logs / f"{name}.log"
        prefix = f"\033[{colour}m{name:>10} |\033[0m" if self._colour else f"{name:>10} |"
        log = path.open("ab")
        for raw in process.stdout:
            log.write(raw)
            log.flush()
            if log.tell() > LOG_BYTES:
                log.close()
                path.replace(path.with_suffix(".log.1"))
                log = path.open("ab")
            if raw.strip() and name not in self.quiet:
                self._print(f"{prefix} {raw.decode(errors='replace').rstrip()}")
        log.close()
        process.stdout.close()

    # -- starting ----------------------------------------------------------------------------------

    def spawn(
        self, name: str, command: list[str], env: dict[str, str], folder: Path
    ) -> subprocess.Popen[bytes]:
        """Start a process whose output is shown and logged under ``name``."""
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env | {RUN_MARK: self.mark, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        colour = _COLOURS[sum(name.encode()) % len(_COLOURS)]
        threading.Thread(target=self._relay, args=(name, colour, process), daemon=True).start()
        return process

    def run_once(self, name: str, command: list[str], env: dict[str, str], folder: Path) -> None:
        """Run a command to its end. Errors: NotReady when it fails."""
        program = Program(name, lambda: self.spawn(name, command, env, folder))
        self.begin(program)
        assert program.process is not None
        code = program.process.wait()
        del self.programs[name]
        if code:
            raise NotReady(f"`{' '.join(command[1:3])}` failed (exit code {code}): {self.last_words(name)}")

    def begin(self, program: Program) -> None:
        """Start a program and keep it from now on."""
        self.programs[program.name] = program
        self._start(program)

    def adopt(self, program: Program, process: subprocess.Popen[bytes]) -> None:
        """Keep a program that is already running."""
        self.programs[program.name] = program
        self._note(program, process)

    def _start(self, program: Program) -> None:
        self._note(program, program.start())

    def _note(self, program: Program, process: subprocess.Popen[bytes]) -> None:
        program.process = process
        program.misses = 0
        program.started_at = time.monotonic()

    def wait_ready(self, names: Iterable[str], timeout_s: float) -> None:
        """Wait until each program answers. Errors: NotReady, at once when one of them ends."""
        waiting = [self.programs[name] for name in names]
        deadline = time.monotonic() + timeout_s
        while waiting:
            for program in list(waiting):
                if not program.alive():
                    raise NotReady(f"{program.name} ended while starting: {self.last_words(program.name)}")
                if program.ready is None or program.ready():
                    self.say(f"{program.name} {'is ready' if program.ready else 'is running'}")
                    waiting.remove(program)
            if waiting and time.monotonic() > deadline:
                names = ", ".join(program.name for program in waiting)
                raise NotReady(f"{names} did not answer within {timeout_s:.0f} s; see {self.logs}")
            time.sleep(0.1)

    def last_words(self, name: str) -> str:
        """Return the end of a program's log."""
        time.sleep(0.2)
        path = self.logs / f"{name}.log"
        lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
        return " | ".join(line.strip() for line in lines[-3:]) or f"it said nothing in {path}"

    # -- watching ----------------------------------------------------------------------------------

    def watch(self) -> None:
        """Restart what crashes or hangs, until Stopping is raised by a signal."""
        threading.Thread(target=self._probe_forever, daemon=True).start()
        while True:
            for program in self.programs.values():
                self._look_at(program)
            time.sleep(0.2)

    def _probe_forever(self) -> None:
        """In a thread of its own: a process that hangs would hold up the watching of the others."""
        while not self._stopping:
            for program in list(self.programs.values()):
                if program.answers is not None and program.alive():
                    self._probe(program, program.answers)
            time.sleep(PROBE_EVERY_S)

    def _probe(self, program: Program, answers: Callable[[], bool]) -> None:
        process = program.process
        if answers():
            program.misses = 0
            return
        program.misses += 1
        if program.misses >= PROBE_MISSES and process is not None and not self._stopping:
            program.misses = 0
            self.say(f"!!! {program.name} runs but does not answer; ending it to start it again", 31)
            process.kill()

    def _look_at(self, program: Program) -> None:
        now = time.monotonic()
        if program.alive():
            return
        if not program.start_again_at:
            if now - program.started_at > FORGIVEN_AFTER_S:
                program.crashes = 0
            pause = BACK_OFF_S[min(program.crashes, len(BACK_OFF_S) - 1)]
            program.crashes += 1
            program.start_again_at = now + pause
            self.say(f"!!! {program.name} {_ending(program)}; starting it again in {pause} s", 31)
        elif now >= program.start_again_at:
            program.start_again_at = 0.0
            self._start(program)
            self.say(f"!!! {program.name} was started again", 31)
            self.on_restart()

    # -- stopping ----------------------------------------------------------------------------------

    def catch_signals(self) -> None:
        """Let Ctrl-C, SIGTERM and a closed terminal stop everything; a second one hurries."""
        for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(wanted, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if self._stopping:
            # One Ctrl-C may arrive twice, from the terminal and from a wrapper that passes it on.
            self._hurry = self._hurry or now - self._stopping_since > 1.0
            return
        self._stopping, self._stopping_since = True, now
        raise Stopping

    def stop(self) -> None:
        """Stop every program, the highest tier first, and wait for it."""
        if not self._stopping:
            self._stopping, self._stopping_since = True, time.monotonic()
        for tier in sorted({program.tier for program in self.programs.values()}, reverse=True):
            self._stop_some([program for program in self.programs.values() if program.tier == tier])
        # By the mark each of our processes carries, never by an old number: numbers are given again.
        for line in self.leftovers():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(line.split()[0]), signal.SIGKILL)

    def _stop_some(self, programs: list[Program]) -> None:
        for program in programs:
            if program.process is not None and program.alive():
                with contextlib.suppress(ProcessLookupError):
                    program.process.send_signal(program.parting)
        deadline = time.monotonic() + STOP_WITHIN_S
        while any(program.alive() for program in programs):
            if self._hurry or time.monotonic() > deadline:
                for program in programs:
                    if program.process is not None and program.alive():
                        self.say(f"{program.name} does not stop; ending it", 31)
                        program.process.kill()
                        program.process.wait()
            time.sleep(0.05)

    def leftovers(self) -> list[str]:
        """Return "pid command" of every process of this run that still lives; empty is what we want.

        PostgreSQL overwrites its environment but works in its own directory, so it is found by that.
        """
        mark = f"{RUN_MARK}={self.mark}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            if int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                ours = mark in (entry / "environ").read_bytes().split(b"\0")
                if ours or (entry / "cwd").readlink() == self.database_dir:
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if words:
                        found.append(f"{entry.name} {words.strip()[:100]}")
        return found


def _ending(program: Program) -> str:
    code = program.process.returncode if program.process is not None else None
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"stopped by itself (exit code {code})"
