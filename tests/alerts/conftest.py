"""The people of the demonstration, for tests of what they do with plate lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from accounts.models import User


@pytest.fixture
def people(db: Any, data_dir: Path) -> dict[str, User]:
    """The cast, by role."""
    from accounts import cast
    from audit.context import system

    return {role: entry["user"] for role, entry in cast.create_cast(system("test")).items()}


@pytest.fixture
def omar(people: dict[str, User]) -> User:
    """The supervisor who brings a list in."""
    return people["supervisor"]
