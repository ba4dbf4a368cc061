"""The desk at which exports are asked for, approved and built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.audit.exports.desk import Desk


@pytest.fixture
def desk(own_database: str, connect_as: Any, log_keys: Any, log_head: Any) -> Iterator[Desk]:
    """A desk at a log that lives while the test runs."""
    # Not above: this file is read before Django is ready.
    from tests.audit.exports.desk import standing

    yield from standing(connect_as, log_keys, log_head)
