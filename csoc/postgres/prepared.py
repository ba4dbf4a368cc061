"""A statement that is planned once in each connection: for what intake asks many times a second.

Planning such a statement costs as much as running it, and Django never prepares one: it sets a threshold of
None, with which psycopg does not prepare even what asks for it.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection


def row_of(statement: str, values: Mapping[str, Any]) -> Any:
    """Run ``statement`` on the default connection; return its first row, None without one.

    Errors: django.db.DatabaseError, as of any other query; TransactionManagementError in a transaction that
    has failed already. Not for a pooler that resets connections between transactions: it forgets the plan.
    """
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        connection.ensure_connection()
        raw: Any = connection.connection
        before = raw.prepare_threshold
        raw.prepare_threshold = 0
        try:
            with psycopg.Cursor(raw) as cursor:
                return cursor.execute(statement, values, prepare=True).fetchone()
        finally:
            raw.prepare_threshold = before
