"""The servers of a test run: started by the first pytest process, shared with its xdist workers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from csoc.embedded import ServerError, Servers

ROOT = Path(__file__).resolve().parent.parent
_HANDOVER = "CSOC_TEST_SERVERS"


class TestServers:
    """One PostgreSQL and one Valkey with a migrated template database. Errors: ServerError."""

    __test__ = False

    def __init__(self, servers: Servers, template: str, scratch: Path, *, owned: bool) -> None:
        self._servers = servers
        self._owned = owned
        self.template = template
        self.scratch = scratch
        #: The database of this process, that its ``django_db`` tests roll back to.
        self.home = ""
        self._standing: set[str] = set()

    @classmethod
    def start(cls) -> TestServers:
        """Start the servers (kept in .cache between runs; a parallel run gets its own) and migrate.

        ``CSOC_TEST_HOME``: a folder for them instead of .cache (tools/run_tests.py).
        """
        scratch = Path(tempfile.mkdtemp(prefix="csoc-test-"))
        # PostgreSQL may run as another user under root: it must pass through here.
        scratch.chmod(0o711)
        home = Path(os.environ.get("CSOC_TEST_HOME") or ROOT / ".cache")
        servers = Servers(home / "test-servers", durable=False)
        try:
            servers.start()
        except ServerError:
            servers = Servers(scratch / "servers", durable=False)
            servers.start()
        made = cls(servers, _template_name(), scratch, owned=True)
        made._forget_old_databases()
        if not servers.has_database(made.template):
            made._migrate_template()
        os.environ[_HANDOVER] = json.dumps([str(servers.data), made.template, str(scratch)])
        return made

    @classmethod
    def attach(cls) -> TestServers:
        """Use the servers that the parent process started."""
        data, template, scratch = json.loads(os.environ[_HANDOVER])
        return cls(Servers(Path(data)), template, Path(scratch), owned=False)

    def stop(self) -> None:
        """Stop the servers, if this process started them."""
        if self._owned:
            self._servers.stop()
            os.environ.pop(_HANDOVER, None)
            shutil.rmtree(self.scratch, ignore_errors=True)

    def url(self, role: str, database: str) -> str:
        """Return the URL of ``database`` for ``role`` (see ``Servers.url``)."""
        return self._servers.url(role, database)

    def redis_url(self, db: int = 0) -> str:
        """Return the URL of Valkey database ``db``."""
        return self._servers.redis_url(db)

    def clone(self, name: str, template: str | None = None) -> None:
        """Make ``name`` afresh from the migrated template; this process may not have one of that name.

        ``template``: another database to copy, with nobody connected to it.
        """
        # Dropping it would end the connections and the sessions of whoever uses the first one.
        assert name not in self._standing, f"the database {name} is in use by another fixture"
        self.drop_database(name)
        self._standing.add(name)
        self._servers.create_database(name, template=template or self.template)

    def drop_database(self, name: str) -> None:
        """Drop ``name``, ending whoever is still connected."""
        self._servers.drop_database(name)
        self._standing.discard(name)

    def guard(self, database: str) -> None:
        """Put the guards of the audit log back (csoc/sql/guards.sql)."""
        self._servers.guard(database)

    def unguard(self, database: str) -> None:
        """Lift them, for a test that changes the log's tables as an intruder would."""
        self._servers.unguard(database)

    def _forget_old_databases(self) -> None:
        with self._servers.admin() as connection:
            rows = connection.execute(
                "SELECT datname FROM pg_database WHERE datname ~ '^(t|tmpl)_'"
            ).fetchall()
        for (name,) in rows:
            if name != self.template:
                self._servers.drop_database(name)

    def _migrate_template(self) -> None:
        draft = f"t_{os.getpid()}_draft"
        self._servers.create_database(draft)
        made = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity", "0"],
            cwd=ROOT,
            env=os.environ
            | {
                "CSOC_ENV": "test",
                "CSOC_DATABASE_URL": self.url("csoc_owner", draft),
                "CSOC_REDIS_URL": self.redis_url(),
                "CSOC_DATA_DIR": str(self.scratch),
                "CSOC_STATEMENT_TIMEOUT_MS": "60000",
            },
            capture_output=True,
            text=True,
        )
        if made.returncode:
            self._servers.drop_database(draft)
            self.stop()
            raise ServerError(f"The migrations failed:\n{made.stdout}{made.stderr}")
        self._keep_few_partitions(draft)
        self._servers.guard(draft)
        with self._servers.admin() as connection:
            connection.execute(f'ALTER DATABASE "{draft}" RENAME TO "{self.template}"')

    def _keep_few_partitions(self, database: str) -> None:
        """Drop the empty partitions of the audit log but four: sixty more cost each clone 25 to 150 ms."""
        with self._servers.admin(database) as connection:
            names = connection.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_log'::regclass"
            ).fetchall()
            for (name,) in sorted(names)[4:]:
                connection.execute(f"DROP TABLE {name}")


def _template_name() -> str:
    """Name the template by everything that shapes it: migrations, models, roles, settings, locks."""
    digest = hashlib.sha256()
    shapers = [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("csoc/sql/*.sql"), ROOT / "csoc/settings.py"]
    shapers.append(Path(__file__))
    shapers += ROOT.glob("requirements/*.txt")
    for path in sorted(shapers):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return f"tmpl_{digest.hexdigest()[:16]}"
