"""Who sees which deployment is said twice, for a list in SQL and for one in Python: both say the same."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from guardian.shortcuts import assign_perm

from accounts.models import Role
from deployments import policies
from deployments.models import Deployment, DeploymentUserPermission
from deployments.policies import people as people_policies
from deployments.selectors import deployments as selectors_of_deployments
from deployments.selectors import deployments_visible_to
from tests.deployments.by_sql import brought
from tests.deployments.office import Office
from tests.deployments.test_sharing import other_unit

pytestmark = pytest.mark.django_db

WORK = (Role.APPLICANT, Role.SUPERVISOR, Role.TECHNICIAN)
GRANTS = ((), ("view_deployment",), ("view_deployment", "change_deployment"))


@pytest.fixture
def office(scene_template: str, db: Any, data_dir: Path, clock: Any) -> Office:
    return Office(data_dir)


@pytest.mark.parametrize("state", Deployment.State.values)
def test_the_list_and_the_single_deployment_are_seen_by_the_same_people(
    office: Office, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    row, scene = brought(office, state), office.scene
    viewers = [
        *(scene.users[name] for name in ("applicant", "supervisor", "technician")),
        office.users["applicant-2"], other_unit(scene, "applicant"), office.users["stranger"],
    ]  # fmt: skip
    seen = set()
    for viewer, granted in product(viewers, GRANTS):
        DeploymentUserPermission.objects.filter(user=viewer).delete()
        for codename in granted:
            assign_perm(codename, viewer, row)
        for size in range(len(WORK) + 1):
            for held in combinations(WORK, size):
                for module in (people_policies, selectors_of_deployments):
                    monkeypatch.setattr(module, "roles_of", lambda user, held=held: frozenset(held))
                listed = deployments_visible_to(viewer).filter(pk=row.pk).exists()
                assert listed == policies.can_read(viewer, row), (viewer.username, held, granted)
                seen.add((viewer == office.users["stranger"], listed))
    # Some see it and some do not; of another agency nobody does.
    assert seen == {(False, False), (False, True), (True, False)}
