"""Fixtures for people: the cast, and what was written to the log."""

import contextlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from accounts.models import User


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """The real hash costs a tenth of a second, and a cast has twenty-two."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def cast(db: None) -> dict[str, dict[str, Any]]:
    """Everybody of the demonstration, with passwords and secrets."""
    from tests.accounts.people import make_cast

    return make_cast()


@pytest.fixture
def boss(cast: dict[str, dict[str, Any]]) -> "User":
    """The administrator."""
    return cast["administrator"]["user"]


class Entries(list[dict[str, Any]]):
    """Audit entries in the order they were written."""

    def of(self, verb: str) -> list[dict[str, Any]]:
        return [entry for entry in self if entry["verb"] == verb]

    @property
    def verbs(self) -> list[str]:
        return [entry["verb"] for entry in self]


@pytest.fixture
def entries(db: None) -> Iterator[Entries]:
    """What goes into the inbox from here on. The app's role cannot read it back, so we watch the INSERT."""
    from django.db import connections

    found = Entries()

    def watch(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if str(sql).startswith("INSERT INTO audit_inbox"):
            found.append(json.loads(params[1]))
        return result

    with contextlib.ExitStack() as stack:
        for alias in ("default", "audit"):
            stack.enter_context(connections[alias].execute_wrapper(watch))
        yield found
