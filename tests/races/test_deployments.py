"""First wins on deployments: each race of `bench deployments`, some rounds; the bench runs 500 and a seed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench import deployments
from tests.deployments.office import Office

ROUNDS = {deployments.approve_while_editing: 30, deployments.double_approve: 20}


@pytest.fixture
def office(scene_template: str, own_database: str, data_dir: Path) -> Office:
    return Office(data_dir)


@pytest.mark.parametrize("race", deployments.RACES, ids=lambda race: race.__name__)
def test_nobody_loses_unseen(office: Office, race: Callable[..., str]) -> None:
    rounds = ROUNDS.get(race, 8)
    seen = deployments.run(race, office, rounds, seed=1)
    print(f"\n{race.__doc__}: {dict(seen)}")
    assert sum(seen.values()) == rounds
