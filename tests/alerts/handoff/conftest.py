"""An alert that somebody holds, and a CAD that takes what it is given."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Any:
    """The standing scene (Django may only be imported once it is set up)."""
    from tests.scene import standing

    return standing(data_dir)


@pytest.fixture
def hold(scene: Any) -> Callable[..., Any]:
    """Raise an alert from a body; the first dispatcher takes it."""
    from tests.alerts.handoff.handing import taken

    return lambda body, **flags: taken(scene, body, **flags)


@pytest.fixture
def held(scene: Any, hold: Callable[..., Any]) -> Any:
    """Gunshots that the first dispatcher holds."""
    return hold(scene.gunshot())


@pytest.fixture
def taking(settings: Any) -> Iterator[Any]:
    """A CAD that takes everything, and is the one of the settings."""
    from tests.alerts.handoff.handing import point_at
    from tests.alerts.handoff.receivers import cad, status

    with cad(status(201)) as one:
        point_at(settings, one)
        yield one
