"""Dates at the ends of the calendar are refused as any wrong date is, by every route that takes one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils.html import strip_tags

from deployments.models import Deployment
from deployments.selectors import section_digest
from tests.accounts.people import sign_in
from tests.contract.place import verdict
from tests.deployments.owners import draft
from tests.scene import Scene
from tests.scene import standing as standing_scene

pytestmark = pytest.mark.django_db

ENDS = (
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "1999-12-31T23:59:59Z",
    "2101-01-01T00:00:00Z",
)  # fmt: skip
TYPED = (("9999-12-31", "23:59"), ("0001-01-01", "00:00"), ("1999-12-31", "23:59"), ("2101-01-01", "00:00"))


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing_scene(data_dir)


def fresh(row: Deployment) -> Deployment:
    return Deployment.objects.get(pk=row.pk)


def test_the_interface(scene: Scene) -> None:
    row, browser = draft(scene), sign_in(scene.users["applicant"])
    for section, name in (("incident", "reported_at"), ("need", "starts_at"), ("need", "ends_at")):
        for moment in ENDS:
            answer = browser.patch(
                f"/api/v1/deployments/{row.name}/", {section: {name: moment}},
                content_type="application/json", headers={"If-Match": f'"{row.version}"'},
            )  # fmt: skip
            assert verdict(answer) == (422, "schema"), (name, moment)
            assert {"pointer": f"/{section}/{name}", "code": "year"} in answer.json()["errors"]
    assert fresh(row).version == row.version


@pytest.mark.parametrize(("section", "name"), [
    ("incident", "reported"), ("need", "starts"), ("need", "ends"), ("consent", "expires"),
])  # fmt: skip
def test_the_pages_of_the_sections(scene: Scene, section: str, name: str) -> None:
    row, browser = draft(scene), sign_in(scene.users["applicant"])
    for day, clock in TYPED:
        answer = browser.post(
            f"/deployments/{row.address_name}/{section}/" + ("document/" if section == "consent" else ""),
            {f"{name}_date": day, f"{name}_time": clock, "base": section_digest(fresh(row), section)},
        )
        shown = " ".join(strip_tags(answer.content.decode()).split())
        assert answer.status_code == 422 and "a year from 2000 to 2100" in shown, day
    assert fresh(row).version == row.version


def test_narrowing(scene: Scene) -> None:
    row, browser = scene.deployment, sign_in(scene.users["supervisor"])
    for day, clock in TYPED:
        answer = browser.post(
            f"/deployments/{row.address_name}/tighten/",
            {"modules": row.modules, "end_date": day, "end_time": clock},
        )
        assert answer.status_code == 422 and b"a year from 2000 to 2100" in answer.content, day
    for moment in ENDS:
        answer = browser.post(
            f"/api/v1/deployments/{row.name}/tighten/", {"ends_at": moment}, content_type="application/json"
        )
        assert answer.status_code == 422, moment
    assert fresh(row).version == row.version
