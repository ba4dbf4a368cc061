"""Fixtures. What they are made of is in `cast`, imported late: conftests load before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def fresh_keyring() -> Iterator[None]:
    from trailers import keyring

    keyring.forget()
    yield
    keyring.forget()


@pytest.fixture
def people(db: Any) -> Any:
    from .cast import make_people

    return make_people()


@pytest.fixture
def trailer(people: Any) -> Any:
    from .cast import make_trailer

    return make_trailer(people)


@pytest.fixture
def device(people: Any, trailer: Any) -> Any:
    from .cast import make_device

    return make_device(people, trailer)
