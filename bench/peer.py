"""alerta-server as the peer of intake: fetched into its own environment, on the same PostgreSQL, in turns.

It was made for another job: it gathers alerts of monitored machines, folds repeats together and keeps their
history. It checks no signature, seals nothing and writes no audit log; of open alert servers it is the
nearest. It runs with its own defaults under gunicorn, in the configurations of ``WORKERS``; the best counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import psycopg

from bench.posting import Answer, Senders
from csoc.embedded import die_with_parent
from csoc.ports import free_ports
from tools import stages

NAME = "alerta-server"
OTHER_JOB = "made for another job"
LIBRARIES = ("alerta-server==9.1.0", "gunicorn==23.0.0", "psycopg2-binary==2.9.11")
PLACE = stages.CACHE / "peer"
DATABASE = "bench_alerta"
#: Processes, and threads in each: sixteen in all, as many as there are connections.
WORKERS = ((2, 8), (4, 4))
READY_WITHIN_S = 60.0
#: gunicorn closes a connection that is idle for longer, and ours are idle while others have their turn.
KEPT_S = 600


class Absent(Exception):
    """The peer cannot be measured here; ``str()`` says why. No failure: the rest of the run goes on."""


class Peer:
    """One configuration that runs: its rate of each round, and what became of its alerts."""

    def __init__(self, name: str, port: int, database_url: str) -> None:
        self.name, self.url, self._database_url = name, f"http://127.0.0.1:{port}", database_url
        self.answers: list[Answer] = []
        self.per_second: list[float] = []

    async def round(self, count: int) -> None:
        """Post that many alerts as fast as they are taken, over kept connections like ours."""
        requests = [self._request() for _ in range(count)]
        async with Senders(self.url) as senders:
            seconds, answers = await senders.flat_out(requests)
        self.answers += answers
        self.per_second.append(count / seconds)

    @property
    def posted(self) -> int:
        """How many alerts were posted."""
        return len(self.answers)

    @property
    def accepted(self) -> int:
        """How many of them were answered 201."""
        return sum(answer.status == 201 for answer in self.answers)

    def sound(self) -> bool:
        """Whether every alert was accepted and is a row."""
        query = "SELECT count(*) FROM alerts WHERE origin = %s"
        with psycopg.connect(self._database_url) as connection:
            row = connection.execute(query, [self.name]).fetchone()
        return row is not None and row[0] == self.accepted == self.posted

    def _request(self) -> bytes:
        body = json.dumps(alert(self.name)).encode()
        lines = [
            "POST /alert HTTP/1.1", f"Host: {urlsplit(self.url).netloc}", "Content-Type: application/json",
            f"Content-Length: {len(body)}", "", "",
        ]  # fmt: skip
        return "\r\n".join(lines).encode() + body


def alert(origin: str) -> dict[str, object]:
    """One of its alerts, with about what ours hold; each of its own resource, as a repeat would be no row."""
    return {
        "origin": origin, "environment": "Production", "resource": str(uuid.uuid4()), "event": "gunshot",
        "severity": "critical", "service": ["DEP-2026-0001"], "group": "TRL-0007", "value": "3",
        "attributes": {
            "seq": 1, "lat": 43.682, "lon": -79.701, "accuracy_m": 4, "confidence": 0.93, "span_ms": 840,
            "uncertainty_m": 45, "bearing_deg": 42.5, "make": "Acme", "model": "One",
        },
    }  # fmt: skip


@contextlib.contextmanager
def running(database_url: str) -> Iterator[list[Peer]]:
    """Every configuration, ready, in a database of its own that goes with the block. Errors: Absent."""
    fetch()
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(_database(database_url))
        yield [stack.enter_context(_configuration(url, *one)) for one in WORKERS]


def fetch() -> None:
    """Install it beside the console's libraries, never among them. Errors: Absent."""
    PLACE.parent.mkdir(exist_ok=True)
    key = stages.digest([], sys.version, *LIBRARIES)
    try:
        stages.stage("peer", f"The peer ({NAME})", key, _install, PLACE / "bin/gunicorn")
    except stages.Trouble as trouble:
        raise Absent(f"cannot be fetched ({trouble})") from None


def _install() -> None:
    pip = [PLACE / "bin/python", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    pip += ["--retries", "1", "--timeout", "15", "--progress-bar", "off", *LIBRARIES]
    for command in ([sys.executable, "-m", "venv", "--clear", PLACE], pip):
        code, output = stages.follow(command, stages.ROOT)
        if code:
            raise stages.Trouble(stages.LIBRARY_MISSING, " ".join(output.split())[-160:])


@contextlib.contextmanager
def _database(database_url: str) -> Iterator[str]:
    """Its database on the console's server, made as the superuser and dropped in the end."""
    parts = urlsplit(database_url)
    own = parts._replace(netloc=parts.netloc.replace("csoc_app", "postgres"))
    try:
        server = psycopg.connect(own._replace(path="/postgres").geturl(), autocommit=True)
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.Error as error:
        raise Absent(f"has no database here ({type(error).__name__})") from None
    try:
        yield own._replace(path=f"/{DATABASE}").geturl()
    finally:
        server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        server.close()


@contextlib.contextmanager
def _configuration(database_url: str, workers: int, threads: int) -> Iterator[Peer]:
    """One gunicorn with its workers, stopped in the end. Errors: Absent when it does not start."""
    port = free_ports(1)[0]
    command = [PLACE / "bin/gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    command += ["--threads", str(threads), "--worker-class", "gthread", "--keep-alive", str(KEPT_S)]
    command += ["--graceful-timeout", "5", "--preload", "--log-level", "warning", "alerta:create_app()"]
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    own = {"DATABASE_URL": database_url, "SECRET_KEY": secrets.token_hex(32)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(word) for word in command], env=clean | own, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, process_group=0, preexec_fn=die_with_parent(15),
        )  # fmt: skip
        try:
            peer = Peer(f"{workers} processes of {threads} threads", port, database_url)
            _wait(peer, process)
            yield peer
        finally:
            process.terminate()
            process.wait(30)


def _wait(peer: Peer, process: subprocess.Popen[bytes]) -> None:
    """Until it takes alerts; what it takes meanwhile is of another origin, and not counted."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.post(f"{peer.url}/alert", json=alert("warm-up"), timeout=10).status_code == 201:
                return
        time.sleep(0.2)
    raise Absent("does not start")
