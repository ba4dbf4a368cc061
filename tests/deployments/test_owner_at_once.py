"""The owner's press reaches the trailer at once: with a web process and a database, no worker and no beat."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.models import Deployment
from tests.contract.place import Place, own_place, verdict
from tests.deployments.owners import complete
from tests.rooms.owner_cases import link

WITHIN_S = 5.0
DESIRED = "/api/v1/desired/"


@pytest.fixture
def place(servers: Any, tmp_path: Path, django_db_blocker: Any, clock: Any) -> Iterator[Place]:
    """A console of one process: nothing here runs in the background."""
    with own_place(servers, tmp_path, django_db_blocker) as made:
        yield made


def desired(place: Place) -> dict[str, Any]:
    answer = place.http.get(DESIRED, headers=place.device.headers(DESIRED, None, "GET"))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_withdrawing_reaches_the_trailer_within_five_seconds(place: Place, capsys: Any) -> None:
    path = link(SimpleNamespace(place=place), "supervisor-2", "Demonstration Owner", given=True)
    with place.inside():
        wanted = Deployment.objects.get(consent__method="link")
        place.scene.deployment = complete(place.scene, wanted)
    alert = place.acknowledged()
    view = place.person("dispatcher").post(
        f"/api/v1/alerts/{alert}/live-view/", {"reason": {"code": "gunshot"}}
    )
    assert view.status_code == 201, view.text
    assert any(desired(place)["modules"].values())
    owner = place.person("supervisor-2").http

    pressed = time.monotonic()
    answer = owner.post(f"{path}withdraw/", data={})
    assert answer.status_code == 303, answer.text
    refused = place.device.post(place.gunshot())
    refused_s = time.monotonic() - pressed
    now = desired(place)
    off_s = time.monotonic() - pressed
    [(ended, reason)] = place.sql(
        "SELECT ended_at, end_reason FROM live_livesession WHERE id = %s", [view.json()["session"]]
    )
    ended_s = time.monotonic() - pressed

    assert verdict(refused) == (403, "not-deployed")
    assert now["deployment"] is None and not any(now["modules"].values())
    assert ended is not None, reason
    assert max(refused_s, off_s, ended_s) <= WITHIN_S
    with capsys.disabled():
        print(
            "\nmeasured  after the owner's press, without worker and beat: "
            f"next alert refused {refused_s:.3f} s, "
            f"desired state off {off_s:.3f} s, live view ended {ended_s:.3f} s"
        )
