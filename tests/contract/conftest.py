"""One standing console for each process that runs these tests, and one more for those of ``tests/rooms``."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.place import Place

_number = itertools.count(1)


@pytest.fixture(scope="session")
def standing_place(
    servers: Any, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Place]:
    """The console itself; tests ask for ``place``."""
    from tests.contract.place import Place

    # Each conftest that imports this makes one of its own: the same name twice would drop the first.
    name = f"t_contract_{os.getpid()}_{next(_number)}"
    servers.clone(name)
    with (
        django_db_blocker.unblock(),
        Place(servers, name, tmp_path_factory.mktemp("contract") / "web.log") as made,
    ):
        yield made
    servers.drop_database(name)


@pytest.fixture
def place(standing_place: Place, django_db_blocker: Any, clock: Any) -> Iterator[Place]:
    """A standing console with a clock that shows the real time before and after."""
    with django_db_blocker.unblock():
        yield standing_place
