"""Everything of `console.py run` that happens inside the environment: servers, roles, migrations, seed,
every process, the run file, and a clean end.

No Django here: settings are read by the processes this starts. Exit codes are those of console.py.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import math
import os
import secrets
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from csoc import health, run_file
from csoc.demo_witness import DemoWitness, WitnessFailed
from csoc.embedded import DATABASE, ServerError, Servers
from csoc.lib.keyfiles import write_private
from csoc.ports import answers_at, free_ports, port_answers
from csoc.supervisor import NotReady, Program, Stopping, Supervisor

ROOT = Path(__file__).resolve().parent.parent
USAGE, SERVER_FAILED, PROCESS_FAILED = 2, 7, 8
READY_WITHIN_S = 90.0
#: Celery warns root at length; here everything of one run belongs to the same user.
QUIET = {"PYTHONWARNINGS": "ignore:You're running the worker"}
#: A demonstration keeps these below <data>/keys; the run file never holds them.
SECRETS = {"CSOC_SECRET_KEY": "session-secret", "CSOC_GATEWAY_SECRET": "gateway-secret"}


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Read the options that console.py passes on."""
    parser = argparse.ArgumentParser(prog="csoc.launcher", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--started", type=float, default=time.time(), help="epoch seconds, for progress lines"
    )
    parser.add_argument("--quiet-trailers", action="store_true")
    parser.add_argument("--web", type=int, default=1)
    parser.add_argument("--no-demo", action="store_true")
    parser.add_argument("--database-url", default="")
    parser.add_argument("--redis-url", default="")
    return parser.parse_args(words)


class Launcher:
    """One run of the whole console. Errors: ServerError, NotReady; Stopping when a person ends it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.demo = not options.no_demo
        self.data: Path = options.data.resolve()
        self.url = f"http://127.0.0.1:{options.port}"
        self.run_file = self.data / "run.json"
        mark = secrets.token_hex(8)
        self.supervisor = Supervisor(
            self.data / "logs", started=options.started, mark=mark, database_dir=self.data / "pg"
        )
        self.servers = Servers(self.data, postgres=not options.database_url, valkey=not options.redis_url)
        self.gateway_port, self.control_port, witness_port = free_ports(3)
        self.witness = DemoWitness(self.data / "witness", witness_port)
        self.ready_at = ""

    # -- from nothing to ready ---------------------------------------------------------------------

    def start(self) -> None:
        """Bring everything up, in order, and write the run file."""
        say = self.supervisor.say
        (self.data / "static").mkdir(parents=True, exist_ok=True)
        say(f"Starting PostgreSQL and Valkey on {self.data}" if self.servers.wanted else "Using your servers")
        self.servers.start()
        self.run_file.unlink(missing_ok=True)
        self._adopt_servers()
        self._migrate()
        if self.demo:
            say("Preparing the demonstration …")
            self._manage("seed", "csoc_app", "make_seed")
        self._begin(self._programs())
        # What nobody waits for starts when the web process no longer needs the processor.
        rest = [self._publisher(), self._exporter()]
        if self.demo:
            self._introduce_witness()
            self._begin([self._demo_witness(), *rest, self._simulator()])
            self.ready_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self.write_run_file()
            self.supervisor.on_restart = self.write_run_file
        else:
            self._begin(rest)

    def _begin(self, programs: list[Program]) -> None:
        for program in programs:
            self.supervisor.begin(program)
        self.supervisor.wait_ready([program.name for program in programs], READY_WITHIN_S)

    def _introduce_witness(self) -> None:
        """Let the demonstration's witness and the log know each other's keys, as two agencies would."""
        with health.connect(self.database_url("csoc_app")) as connection:
            rows = connection.execute("SELECT vkey FROM audit_log_key ORDER BY generation, n").fetchall()
        try:
            self.witness.prepare([vkey for (vkey,) in rows])
        except (WitnessFailed, OSError, subprocess.TimeoutExpired) as error:
            raise NotReady(f"the witness cannot start: {error}") from None
        self.witness.enlist(self.witness_list)

    @property
    def witness_list(self) -> Path:
        """Return the file that lists who may cosign the log."""
        return Path(os.environ.get("CSOC_AUDIT_WITNESSES") or self.data / "witnesses.txt")

    def _adopt_servers(self) -> None:
        """Hand the running servers to the supervisor, which brings back one that dies."""
        for name in self.servers.wanted:
            program = Program(
                name,
                start=lambda name=name: self.servers.start_one(name),  # type: ignore[misc]
                parting=signal.SIGINT if name == "postgres" else signal.SIGTERM,
                tier=0,
            )
            self.supervisor.adopt(program, self.servers.processes[name])
            self.supervisor.say(f"{name} is ready")

    def _migrate(self) -> None:
        """Make the database on the first run, and bring it up to date when the migrations changed."""
        stamp = self.data / "migrated"
        key = migrations_digest()
        embedded = not self.options.database_url
        if embedded and not self.servers.has_database(DATABASE):
            stamp.unlink(missing_ok=True)
            self.servers.create_database(DATABASE)
        if embedded and stamp.exists() and stamp.read_text() == key:
            return
        self.supervisor.say("Bringing the database up to date …")
        if embedded:
            # An older release made this database: its roles may lack one, its guards refuse the migration.
            stamp.unlink(missing_ok=True)
            self.servers.apply_roles(DATABASE)
            self.servers.unguard(DATABASE)
        self._manage("migrate", "csoc_owner", "migrate", "--verbosity", "0")
        if embedded:
            self.servers.guard(DATABASE)
        stamp.write_text(key)

    def _manage(self, name: str, role: str, *words: str) -> None:
        env = self._env(role) | {"CSOC_STATEMENT_TIMEOUT_MS": "60000"}
        self.supervisor.run_once(name, [sys.executable, "manage.py", *words], env, ROOT)

    # -- the processes -----------------------------------------------------------------------------

    def _programs(self) -> list[Program]:
        python, gateway = sys.executable, str(self.gateway_port)
        celery = [python, "-m", "celery", "-A", "csoc"]
        level = ["--loglevel", "WARNING"]
        beat_file = ["--schedule", str(self.data / "beat-schedule")]
        few = {"CSOC_POOL_MAX": "4"}
        return [
            *self._web(),
            self._program(
                "gateway",
                [python, "-m", "live.gateway", "--port", gateway],
                ready=lambda: port_answers(self.gateway_port),
                answers=lambda: answers_at(f"http://127.0.0.1:{self.gateway_port}/healthz"),
            ),
            self._program("worker", [*celery, "-q", "worker", "-P", "solo", *level], more=few | QUIET),
            self._program("beat", [*celery, "-q", "beat", *level, *beat_file], more=few),
            self._sequencer(),
        ]

    def _web(self) -> list[Program]:
        """One web process, or several that share its port.

        A look at that port would meet any of them: each of several is asked on a port of its own.
        """
        command = [sys.executable, "-m", "csoc.server", "--host", "127.0.0.1"]
        command += ["--port", str(self.options.port)]
        if self.options.web == 1:
            return [self._one_web("web", command, self.url)]
        ports = free_ports(self.options.web)
        names = ["web", *(f"web-{number}" for number in range(2, len(ports) + 1))]
        return [
            self._one_web(name, [*command, "--alone", str(port)], f"http://127.0.0.1:{port}")
            for name, port in zip(names, ports, strict=True)
        ]

    def _one_web(self, name: str, command: list[str], own: str) -> Program:
        return self._program(
            name, command, ready=lambda: answers_at(f"{own}/readyz", timeout_s=2),
            answers=lambda: answers_at(f"{own}/healthz"),
        )  # fmt: skip

    def _sequencer(self) -> Program:
        command = [sys.executable, "manage.py", "audit_sequence"]
        program = self._program("sequencer", command, role="csoc_sequencer", more={"CSOC_POOL_MAX": "4"})
        # Ready with its first pulse: working, or halted and saying so.
        program.ready = lambda: self._pulse_age() < time.monotonic() - program.started_at
        program.answers = lambda: self._sequences(program)
        return program

    def _exporter(self) -> Program:
        """A worker of its own: an export may take minutes, and the purge never waits for it."""
        command = [sys.executable, "-m", "celery", "-A", "csoc", "-q", "worker", "-P", "solo"]
        command += ["-Q", "exports", "-n", "exporter@%h", "--loglevel", "WARNING"]
        more = {"CSOC_POOL_MAX": "4", "CSOC_STATEMENT_TIMEOUT_MS": "60000"} | QUIET
        return self._program("exporter", command, more=more)

    def _publisher(self) -> Program:
        command = [sys.executable, "manage.py", "audit_publish"]
        program = self._program("publisher", command, role="csoc_publisher", more={"CSOC_POOL_MAX": "4"})
        program.answers = lambda: self._publishes(program)
        return program

    def _demo_witness(self) -> Program:
        """Not asked whether it hangs: what somebody else runs could not be started again from here."""
        env, port = self.witness.environment(), int(self.witness.url.rpartition(":")[2])
        start = functools.partial(self.supervisor.spawn, "witness", self.witness.command, env, ROOT)
        # It tells of every request, which is for its own operators.
        self.supervisor.quiet.add("witness")
        return Program("witness", start, ready=lambda: port_answers(port))

    def _pulse_age(self) -> float:
        """Return the seconds since the sequencer's last sign of life; for ever when there is none."""
        try:
            return health.pulse(self.database_url("csoc_app"))
        except psycopg.Error:
            return math.inf

    def _sequences(self, program: Program) -> bool:
        """False when it has pulsed since it was started and then fell silent: before, it checks the log."""
        silent_s, running_s = self._pulse_age(), time.monotonic() - program.started_at
        return silent_s > running_s or silent_s < health.SEQUENCER_HANGS_S

    def _publishes(self, program: Program) -> bool:
        """False when it finished nothing for long; a database that does not answer is not its fault."""
        try:
            silent_s = health.silence_of_publisher(self.database_url("csoc_app"))
        except psycopg.Error:
            return True
        return min(silent_s, time.monotonic() - program.started_at) < health.PUBLISHER_HANGS_S

    def _simulator(self) -> Program:
        command = [sys.executable, "-m", "agent.simulator", "--seed-file", str(self.data / "seed.json")]
        command += ["--console", self.url, "--control-port", str(self.control_port)]
        command += ["--quiet"] if self.options.quiet_trailers else []
        program = self._program("simulator", command, ready=lambda: port_answers(self.control_port))
        # It stops first: trailers that lose their console would fill the log with it.
        program.tier = 2
        return program

    def _program(
        self,
        name: str,
        command: list[str],
        *,
        role: str = "csoc_app",
        ready: Any = None,
        answers: Any = None,
        more: dict[str, str] | None = None,
    ) -> Program:
        env = self._env(role) | (more or {})
        start = functools.partial(self.supervisor.spawn, name, command, env, ROOT)
        return Program(name, start=start, ready=ready, answers=answers)

    def _env(self, role: str) -> dict[str, str]:
        """Return the environment of one process: its own database role, and nothing it need not know."""
        env = dict(os.environ) | {
            "CSOC_DATABASE_URL": self.database_url(role),
            "CSOC_REDIS_URL": self.options.redis_url or self.servers.redis_url(),
            "CSOC_DATA_DIR": str(self.data),
            "CSOC_GATEWAY_URL": f"http://127.0.0.1:{self.gateway_port}",
            "DJANGO_SETTINGS_MODULE": "csoc.settings",
        }
        if self.demo:
            env |= {
                "CSOC_ENV": "test" if os.environ.get("CSOC_ENV") == "test" else "demo",
                "CSOC_PUBLIC_URL": self.url,
                "CSOC_SIMULATOR_URL": f"http://127.0.0.1:{self.control_port}",
                "CSOC_EMAIL_URL": (self.data / "mailbox").as_uri(),
                "CSOC_CAD_URL": f"{self.url}/demo/cad/receive/",
                "CSOC_CAD_TOKEN_FILE": str(kept_secret_file(self.data / "keys" / "cad-token")),
            }
            env |= secrets_of(self.data)
        else:
            env["CSOC_ENV"] = "production"
        return env

    def database_url(self, role: str) -> str:
        """Return the URL for ``role``: embedded, or your server's with the user name exchanged.

        CSOC_OWNER_, CSOC_SEQUENCER_ and CSOC_PUBLISHER_DATABASE_URL name the others where passwords differ.
        """
        if not self.options.database_url:
            return self.servers.url(role)
        named = os.environ.get(f"{role.upper()}_DATABASE_URL", "")
        return named or url_of(self.options.database_url, role)

    # -- the run file ------------------------------------------------------------------------------

    def write_run_file(self) -> None:
        """Write <data>/run.json (mode 0600) as console-api.md gives it; again after each restart."""
        content = run_file.seeded(self.data) | {
            "url": self.url,
            "ready_at": self.ready_at,
            "audit": {
                "log_vkeys": self.witness.log_vkeys,
                "witness": {"url": self.witness.url, "vkey": self.witness.vkey},
                "witness_list": str(self.witness_list),
            },
            "database_url": self.database_url("csoc_app"),
            "redis_url": self.options.redis_url or self.servers.redis_url(),
            "environment": {
                name: value
                for name, value in self._env("csoc_app").items()
                if name.startswith("CSOC_") and name not in SECRETS and not name.endswith("DATABASE_URL")
            },
            "pids": {name: p.process.pid for name, p in self.supervisor.programs.items() if p.process},
        }
        run_file.write(self.run_file, content)

    def greet(self) -> None:
        """Print where the console is and who may sign in."""
        lines = ["", f"  The console is ready:  {self.url}", ""]
        if self.demo:
            people = json.loads(self.run_file.read_text("utf-8"))["people"]
            lines.append("  Demonstration people (one click on the sign-in page, or username and password;")
            lines.append("  the passwords are new at every start):")
            lines += [f"    {person['username']:<18} {person['password']}" for person in people.values()]
            lines += ["", f"  Second factors and keys for scripts: {self.run_file}"]
        lines += ["  Ctrl-C stops everything.", ""]
        print("\n".join(lines), flush=True)

    # -- the end -----------------------------------------------------------------------------------

    def stop(self) -> bool:
        """Stop everything; return True when nothing is left (checked by looking at every process)."""
        if not self.servers.owned:
            # Another console owns this directory; there is nothing of ours, and nothing of its to touch.
            return True
        self.run_file.unlink(missing_ok=True)
        self.supervisor.say("Stopping …")
        self.supervisor.stop()
        left = self._settled_leftovers()
        self.servers.stop()
        if left:
            self.supervisor.say("Stopped, but these processes are left:\n  " + "\n  ".join(left), 31)
        else:
            self.supervisor.say(
                "Stopped. Every process was looked at: nothing of this console is left running."
            )
        return not left

    def _settled_leftovers(self) -> list[str]:
        """Look for leftovers; a dying process may need a moment to be gone."""
        for _ in range(30):
            left = self.supervisor.leftovers()
            if not left:
                return []
            time.sleep(0.1)
        return left


def kept_secret_file(path: Path) -> Path:
    """Return ``path`` with a random text in it, made on the first call (mode 0600)."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(64).encode())
    return path


def kept_secret(path: Path) -> str:
    """Return the random text in ``path``, made on the first call."""
    return kept_secret_file(path).read_text()


def secrets_of(data: Path) -> dict[str, str]:
    """Return the secrets of the demonstration on ``data``, as the environment names them."""
    return {name: kept_secret(data / "keys" / file) for name, file in SECRETS.items()}


def url_of(database_url: str, role: str) -> str:
    """Return ``database_url`` with the user name exchanged."""
    parts = urlsplit(database_url)
    password, where = parts.password or "", parts.netloc.rpartition("@")[2]
    login = f"{role}:{password}" if password else role
    return urlunsplit(parts._replace(netloc=f"{login}@{where}"))


def migrations_digest() -> str:
    """Return one hash over every migration, the roles and the locks (libraries bring migrations too)."""
    total = hashlib.sha256()
    for path in sorted(
        [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("csoc/sql/*.sql"), *ROOT.glob("requirements/*.txt")]
    ):
        total.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return total.hexdigest()


def refuse_incomplete_production(options: argparse.Namespace) -> str:
    """Return why `--no-demo` cannot start with these options, or an empty text."""
    if options.no_demo and not (options.database_url and options.redis_url):
        return (
            "--no-demo means production: the embedded servers trust every local user and are refused there.\n"
            "Give --database-url and --redis-url, and set CSOC_SECRET_KEY, CSOC_GATEWAY_SECRET, "
            "CSOC_PUBLIC_URL and CSOC_AUDIT_ORIGIN."
        )
    return ""


def main(words: list[str] | None = None) -> int:
    """Run until Ctrl-C; return the exit code."""
    options = parse(words)
    refusal = refuse_incomplete_production(options)
    if refusal:
        print(refusal, file=sys.stderr)
        return USAGE
    launcher = Launcher(options)
    launcher.supervisor.catch_signals()
    code = 0
    try:
        launcher.start()
        launcher.greet()
        launcher.supervisor.watch()
    except Stopping:
        print(flush=True)
    except (ServerError, psycopg.Error) as error:
        launcher.supervisor.say(f"The servers cannot start: {error}", 31)
        code = SERVER_FAILED
    except NotReady as error:
        launcher.supervisor.say(f"The console cannot start: {error}", 31)
        code = PROCESS_FAILED
    return code if launcher.stop() else PROCESS_FAILED


if __name__ == "__main__":
    sys.exit(main())
