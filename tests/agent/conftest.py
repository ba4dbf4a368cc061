"""One standing console (the web process alone) for what an agent does to a real one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.place import Place


@pytest.fixture(scope="session")
def standing_console(
    servers: Any, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Place]:
    """The console itself; tests ask for ``place``."""
    import os

    from tests.contract.place import Place

    name = f"t_agent_{os.getpid()}"
    servers.clone(name)
    with (
        django_db_blocker.unblock(),
        Place(servers, name, tmp_path_factory.mktemp("agent") / "web.log") as made,
    ):
        yield made
    servers.drop_database(name)


@pytest.fixture
def place(standing_console: Place, django_db_blocker: Any, clock: Any) -> Iterator[Place]:
    """A standing console with a clock that shows the real time before and after."""
    with django_db_blocker.unblock():
        yield standing_console
