"""Plain database connections of the log's own processes: no pool, no Django, the role of the environment."""

from typing import Any

import psycopg
from django.db import connection


def plain(name: str, **more: Any) -> psycopg.Connection[Any]:
    """Open a connection with autocommit that shows up as ``name``; its locks and LISTENs are its own."""
    known = connection.get_connection_params()
    wanted = {key: known[key] for key in ("dbname", "user", "password", "host", "port") if known.get(key)}
    return psycopg.connect(
        **wanted,
        autocommit=True,
        connect_timeout=5,
        options="-c timezone=UTC -c lock_timeout=10000",
        application_name=name,
        keepalives_idle=10,
        **more,
    )
