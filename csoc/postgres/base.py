"""Django's PostgreSQL backend, whose pool gives up all idle connections when it finds one of them dead.

After a restart of the database every pooled connection is dead. psycopg's pool looks at one, and at the next
after 0, 1 and 2 s more: a request that met four of them waited out the pool's 5 s and was refused (503),
while the database had long been back. See tests/contract/test_dead_connections.py.
"""

import select
import threading
import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

#: A connection that answered so lately is not asked over the wire whether it lives, unless it was closed.
LATELY_S = 1.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection."""

    @property
    def pool(self) -> Any:
        """The pool of this alias, or None without one."""
        pool = super().pool
        # Django offers no way to name another check, nor the library a connection's age.
        if pool is not None and pool._check is ConnectionPool.check_connection:
            pool._check = Check(pool)
        return pool

    def _close(self) -> None:
        """Give the connection back, and note when."""
        if self.connection is not None:
            self.connection._used_at = time.monotonic()
        super()._close()  # type: ignore[misc]  # the stubs do not have it


class Check:
    """Ask a connection that is about to be handed out whether it lives. Errors: psycopg.Error when not."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._drained_at = 0.0

    def __call__(self, connection: Any) -> None:
        lately = time.monotonic() - getattr(connection, "_used_at", 0.0) < LATELY_S
        if lately and not _has_news(connection):
            return
        try:
            ConnectionPool.check_connection(connection)
        except psycopg.Error:
            self._drain(made_at=connection._created_at)
            raise

    def _drain(self, made_at: float) -> None:
        """Once for each restart: of many threads that hold a dead connection, the first."""
        with self._lock:
            if made_at <= self._drained_at:
                return
            self._drained_at = time.monotonic()
        self._pool.drain()


def _has_news(connection: Any) -> bool:
    """Whether the server has sent something nobody asked for, such as its good-bye."""
    asked = select.poll()  # and not select(), which knows no descriptor above 1023
    asked.register(connection.pgconn.socket, select.POLLIN)
    return bool(asked.poll(0))
