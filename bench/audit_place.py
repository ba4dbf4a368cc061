"""Where the log is measured: a PostgreSQL of its own with fsync on, the sequencer, and writers as processes.

No web process: what is measured is the transaction. The writers are forked from one process in which Django
is loaded and no connection is open, so that each has its own.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from csoc.embedded import DATABASE, Servers

ROOT = Path(__file__).resolve().parent.parent
FORK = multiprocessing.get_context("fork")

#: What the log's entry is compared with: the same columns without the log, and a chain in the request.
TABLES = """
CREATE TABLE bench_plain (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    uid uuid NOT NULL,
    body text NOT NULL
);
CREATE TABLE bench_act (id integer PRIMARY KEY, n bigint NOT NULL, at timestamptz NOT NULL)
    WITH (fillfactor = 50);
INSERT INTO bench_act SELECT g, 0, clock_timestamp() FROM generate_series(0, 63) AS g;
CREATE TABLE bench_chain (n bigint PRIMARY KEY, uid uuid NOT NULL, body text NOT NULL, hash bytea NOT NULL);
CREATE TABLE bench_head (id smallint PRIMARY KEY, n bigint NOT NULL, hash bytea NOT NULL);
INSERT INTO bench_head VALUES (1, 0, '');
GRANT SELECT, INSERT, UPDATE ON bench_act, bench_plain, bench_chain, bench_head TO csoc_app;
"""


@dataclass
class Place:
    """One database and the processes of its log. ``data``: keys, head, and everything else on disk."""

    servers: Servers
    data: Path

    def environment(self, role: str) -> dict[str, str]:
        """Return the environment of a process of that role."""
        return dict(os.environ) | {
            "CSOC_ENV": "test",
            "CSOC_DATABASE_URL": self.servers.url(role),
            "CSOC_REDIS_URL": self.servers.redis_url(),
            "CSOC_DATA_DIR": str(self.data),
            "CSOC_POOL_MAX": "2",
            "CSOC_LOG_LEVEL": "WARNING",
            "CSOC_STATEMENT_TIMEOUT_MS": "60000",
            "DJANGO_SETTINGS_MODULE": "csoc.settings",
        }

    def connect(self, role: str = "csoc_app") -> psycopg.Connection[Any]:
        """Open a connection with autocommit."""
        return psycopg.connect(self.servers.url(role), autocommit=True)

    @contextlib.contextmanager
    def running(self, word: str, role: str) -> Iterator[subprocess.Popen[bytes]]:
        """Keep ``manage.py <word>`` running inside the block."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", word], cwd=ROOT, env=self.environment(role), process_group=0
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)

    def drained(self, within_s: float = 120.0) -> float:
        """Wait until every committed entry has its place; return how many seconds that took."""
        begun = time.monotonic()
        # As the superuser: counting what waits, as the app may, would itself be work.
        with self.connect("postgres") as connection:
            while connection.execute("SELECT EXISTS (SELECT FROM audit_inbox)").fetchone() == (True,):
                if time.monotonic() - begun > within_s:
                    raise TimeoutError("the sequencer does not empty the inbox")
                time.sleep(0.02)
        return time.monotonic() - begun


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """Make a database with the console's schema and guards; gone with the block."""
    with tempfile.TemporaryDirectory(prefix="csoc-bench-") as folder:
        Path(folder).chmod(0o711)
        data = Path(folder) / "data"
        data.mkdir()
        servers = Servers(data)
        servers.start()
        try:
            made = Place(servers, data)
            servers.create_database(DATABASE)
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(migrate, cwd=ROOT, env=made.environment("csoc_owner"), check=True)
            with servers.admin(DATABASE) as admin:
                admin.execute(TABLES)
            servers.guard(DATABASE)
            yield made
        finally:
            servers.stop()


def load_django(place: Place) -> None:
    """Load the console in this process as its web process would be, before anything is forked."""
    os.environ.update(place.environment("csoc_app"))
    import django

    django.setup()


class Crew:
    """Forked processes that each run ``work(number, *order)`` when told to, all at the same moment."""

    def __init__(self, count: int, work: Callable[..., Any]) -> None:
        self._start = FORK.Barrier(count)
        self._pipes, self._processes = [], []
        for number in range(count):
            ours, theirs = FORK.Pipe()
            process = FORK.Process(target=self._serve, args=(number, theirs, work), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def run(self, *order: Any) -> list[Any]:
        """Let all of them work on ``order``; return what each gives back. Errors: RuntimeError."""
        self.tell(*order)
        return self.answers()

    def tell(self, *order: Any) -> None:
        """Let all of them begin to work on ``order``."""
        for pipe in self._pipes:
            pipe.send(order)

    def answers(self) -> list[Any]:
        """Wait for what each gives back. Errors: RuntimeError."""
        answers = [pipe.recv() for pipe in self._pipes]
        for answer in answers:
            if isinstance(answer, BaseException):
                raise RuntimeError("a writer failed") from answer
        return answers

    def end(self) -> None:
        """Let them go."""
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join(10)

    def _serve(self, number: int, pipe: Any, work: Callable[..., Any]) -> None:
        while (order := pipe.recv()) is not None:
            try:
                self._start.wait(30)
                pipe.send(work(number, *order))
            except Exception as error:
                pipe.send(error)
        pipe.close()
        # Not the parent's clean-up: its servers and temporary files are not ours to end.
        os._exit(0)
