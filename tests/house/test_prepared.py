"""A prepared statement keeps Django's rules: its errors, and nothing in a transaction that failed."""

from __future__ import annotations

import pytest
from django.db import DataError, connection, transaction
from django.db.transaction import TransactionManagementError

from csoc.postgres.prepared import row_of

pytestmark = pytest.mark.django_db


def test_it_answers_its_first_row_or_none() -> None:
    assert row_of("SELECT %(n)s::int + 1, 'x'", {"n": 1}) == (2, "x")
    assert row_of("SELECT 1 WHERE %(n)s::int = 2", {"n": 1}) is None


def test_it_is_prepared_and_nothing_after_it_is() -> None:
    row_of("SELECT %(n)s::int AS only_here", {"n": 1})
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%%only_here%%'")
        assert len(cursor.fetchall()) == 1
        assert cursor.connection.prepare_threshold is None


def test_its_errors_are_djangos_and_a_failed_transaction_takes_no_more() -> None:
    with pytest.raises(TransactionManagementError), transaction.atomic():
        with pytest.raises(DataError), transaction.atomic():
            row_of("SELECT 1 / %(n)s::int", {"n": 0})
        assert row_of("SELECT 1", {}) == (1,)
        transaction.set_rollback(True)
        row_of("SELECT 1", {})
