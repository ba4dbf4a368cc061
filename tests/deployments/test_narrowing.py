"""Less by the interface: what follows from less is less as well, and what is no less is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployments.models import Deployment, Tightening
from tests.accounts.people import sign_in
from tests.contract.place import verdict
from tests.scene import Scene
from tests.scene import standing as standing_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing_scene(data_dir)


def fresh(scene: Scene) -> Deployment:
    return Deployment.objects.get(pk=scene.deployment.pk)


def tighten(scene: Scene, body: dict[str, Any]) -> Any:
    return sign_in(scene.users["supervisor"]).post(
        f"/api/v1/deployments/{scene.deployment.name}/tighten/", body, content_type="application/json"
    )


def recorded() -> dict[str, Any]:
    return {row.field: (row.before, row.after) for row in Tightening.objects.all()}


def test_the_quiet_hours_follow_the_day(scene: Scene) -> None:
    before = fresh(scene)
    assert before.quiet_ceiling_pct > 1
    assert tighten(scene, {"speaker_ceiling_pct": 1}).status_code == 200
    after = fresh(scene)
    assert (after.speaker_ceiling_pct, after.quiet_ceiling_pct) == (1, 1)
    assert recorded() == {
        "speaker_ceiling_pct": (before.speaker_ceiling_pct, 1),
        "quiet_ceiling_pct": (before.quiet_ceiling_pct, 1),
    }


def test_no_plate_list_stays_without_the_reader(scene: Scene) -> None:
    before = fresh(scene)
    assert before.hotlist_categories
    assert tighten(scene, {"modules": ["acoustic"]}).status_code == 200
    after = fresh(scene)
    assert (after.modules, after.hotlist_categories) == (["acoustic"], [])
    assert recorded()["hotlist_categories"] == (before.hotlist_categories, [])


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("field", ["modules", "hotlist_categories"])
def test_another_order_or_twice_is_nothing_less(scene: Scene, field: str, times: int) -> None:
    before = fresh(scene)
    answer = tighten(scene, {field: list(reversed(getattr(before, field))) * times})
    assert verdict(answer) == (422, "not-tighter")
    assert fresh(scene).version == before.version and not recorded()


def test_what_is_left_is_kept_once(scene: Scene) -> None:
    assert tighten(scene, {"modules": ["ptz", "acoustic", "acoustic"]}).status_code == 200
    assert fresh(scene).modules == ["acoustic", "ptz"]


@pytest.mark.parametrize("ends", [(0, 360), (10, 10), (360, 0), (0, 0)])
def test_a_sector_has_two_directions(scene: Scene, ends: tuple[Any, Any]) -> None:
    before = fresh(scene)
    sector = {"from_deg": ends[0], "to_deg": ends[1], "why": ""}
    answer = tighten(scene, {"forbidden_sectors": [*before.forbidden_sectors, sector]})
    assert verdict(answer) == (422, "sector-empty")
    assert fresh(scene).version == before.version


def test_a_sector_more_and_none_less(scene: Scene) -> None:
    before = fresh(scene)
    more = {"from_deg": 300, "to_deg": 360, "why": "a school"}
    answer = tighten(scene, {"forbidden_sectors": [*before.forbidden_sectors, more, more]})
    assert answer.status_code == 200
    kept = [*before.forbidden_sectors, {"from_deg": 300, "to_deg": 0, "why": "a school"}]
    assert fresh(scene).forbidden_sectors == kept
    for less in ([], [more], [more | {"why": "a\u202eschool"}, *kept]):
        assert tighten(scene, {"forbidden_sectors": less}).status_code == 422
