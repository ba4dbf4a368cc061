"""What the board is told of the fleet's warnings, and who is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from csoc.lib import clock
from tests.accounts.people import sign_in
from tests.scene import Scene, standing
from tests.trailers.test_fleet import tell
from trailers.models import TrailerWarning

STATUS = "/api/v1/live/status/"
LINK = 'href="/fleet/?show=warnings"'


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


def begun(scene: Scene, kind: str, **changes: Any) -> TrailerWarning:
    values = {"trailer": scene.trailer, "kind": kind, "level": "amber", "started_at": clock.now()} | changes
    return TrailerWarning.objects.create(**values)


def warned(user: User) -> int | None:
    told: int | None = sign_in(user).get(STATUS).json()["trailers"]["warned"]
    return told


def test_trailers_with_a_warning_are_counted_once_while_it_stands(scene: Scene) -> None:
    supervisor = scene.users["supervisor"]
    assert warned(supervisor) == 0
    battery, fuel = begun(scene, "battery"), begun(scene, "fuel")
    assert warned(supervisor) == 1, "two warnings, one trailer"
    battery.acknowledge(scene.users["technician"].person, clock.now())
    assert warned(supervisor) == 1, "taken on, it still stands"
    for one in (battery, fuel):
        one.end(clock.now())
    assert warned(supervisor) == 0


def test_the_count_is_what_the_fleets_list_shows(scene: Scene) -> None:
    tell(scene.trailer, battery_soc_pct=10, fuel_pct=5)
    page = sign_in(scene.users["supervisor"]).get("/fleet/?show=warnings").content.decode()
    assert (page.count("data-trailer="), warned(scene.users["supervisor"])) == (1, 1)


def test_only_who_may_see_the_fleet_is_told_and_led_there(scene: Scene) -> None:
    begun(scene, "battery")
    assert (warned(scene.users["supervisor"]), warned(scene.users["dispatcher"])) == (1, None)
    boards = {role: sign_in(scene.users[role]).get("/live/") for role in ("supervisor", "dispatcher")}
    assert {role: LINK in page.content.decode() for role, page in boards.items()} == {
        "supervisor": True, "dispatcher": False,
    }  # fmt: skip
