"""The risk matrix: proposed by one, published by another, kept as it was; scores add up in both places."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import audit
from accounts import cast
from accounts.models import User
from accounts.services import acting
from csoc import seed_facts
from csoc.lib.errors import Refused
from deployments import matrices
from deployments.models import RiskMatrix
from deployments.selectors import current_matrix, in_service_area, sensitive_within
from deployments.services import facts


@pytest.fixture
def users(db: Any) -> dict[str, User]:
    return {role: entry["user"] for role, entry in cast.create_cast(audit.system("test")).items()}


def propose(user: User, **changes: Any) -> RiskMatrix:
    with acting(user):
        return facts.propose_matrix(actor=user, **{**matrices.example(), **changes})


def publish(user: User, matrix: RiskMatrix) -> RiskMatrix:
    with acting(user):
        return facts.publish_matrix(actor=user, matrix_id=matrix.pk)


def test_the_demonstration_s_facts_are_made_once(users: Mapping[str, User], data_dir: Path) -> None:
    from csoc.seed import PLANS

    seed_facts.make(users)
    seed_facts.make(users)
    agency = users["supervisor"].person.agency_id
    matrix = current_matrix(agency)
    assert matrix is not None and (matrix.version, matrix.threshold, matrix.highest) == (1, 12, 24)
    assert matrix.example and len(matrix.factors) == 6
    assert all(in_service_area(agency, plan.lat, plan.lon) for plan in PLANS)
    assert in_service_area(agency, 44.2, -79.6) is False
    near = [plan.label for plan in PLANS if sensitive_within(agency, plan.lat, plan.lon)]
    assert len(near) >= 4


def test_nobody_publishes_their_own(users: Mapping[str, User]) -> None:
    proposed = propose(users["supervisor"])
    assert current_matrix(proposed.agency_id) is None
    with pytest.raises(Refused) as caught:
        publish(users["supervisor"], proposed)
    assert (caught.value.code, caught.value.status) == ("own-request", 403)
    publish(users["supervisor-2"], proposed)
    assert current_matrix(proposed.agency_id) == proposed
