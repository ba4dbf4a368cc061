"""The tests' own ground: each worker has its clone, works as csoc_app, and commits only where it may."""

import os

import pytest
from django.core.management import call_command
from django.db import connections

from accounts.models import Agency


def current(alias: str = "default") -> tuple[str, str]:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        row: tuple[str, str] = cursor.fetchone()
        return row


@pytest.mark.django_db
def test_a_worker_uses_its_own_clone_as_the_app() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    assert current() == current("audit") == ("csoc_app", f"t_{worker}")
    Agency.objects.create(code="ROLLED-BACK", name="x")


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", "--check", "--dry-run")


@pytest.mark.django_db
def test_nothing_stays_from_the_test_before() -> None:
    assert not Agency.objects.filter(code="ROLLED-BACK").exists()


def test_an_own_database_commits_and_is_seen_by_others(own_database: str) -> None:
    Agency.objects.create(code="COMMITTED", name="x")
    assert current() == current("audit") == ("csoc_app", own_database)
    assert Agency.objects.using("audit").filter(code="COMMITTED").exists()


@pytest.mark.django_db
def test_what_was_committed_went_with_its_database() -> None:
    assert not Agency.objects.filter(code="COMMITTED").exists()
