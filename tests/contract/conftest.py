"""One standing console for each process that runs these tests; whose conftest imports this has another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.place import Place


@pytest.fixture(scope="session")
def standing_place(
    servers: Any, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Place]:
    """The console itself; tests ask for ``place``."""
    from tests.contract.place import own_place

    with own_place(servers, tmp_path_factory.mktemp("place"), django_db_blocker) as made:
        yield made


@pytest.fixture
def place(standing_place: Place, django_db_blocker: Any, clock: Any) -> Iterator[Place]:
    """A standing console with a clock that shows the real time before and after."""
    with django_db_blocker.unblock():
        yield standing_place
