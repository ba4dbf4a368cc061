"""A test alert and an activation at the same moment: a line of the checklist or a refusal, never an alert."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from alerts.models import Alert
from csoc.lib.errors import Refused
from deployments.models import Deployment, InstallationCheck
from tests.deployments.setting_up import SettingUp, setting_up

ROUNDS = 15
SELF_TEST = {"class": "gunshot", "confidence": 1.0, "detector": {"model": "self-test"}}


@pytest.fixture
def site(scene_template: str, own_database: str, data_dir: Path) -> SettingUp:
    return setting_up(data_dir)


def together(*acts: Any) -> list[Any]:
    """Run them at once, each on a connection of its own; their answers, or the refusal."""
    answers: list[Any] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(place: int) -> None:
        start.wait()
        try:
            answers[place] = acts[place]()
        except Refused as refused:
            answers[place] = refused.code
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def test_a_test_alert_beside_an_activation(site: SettingUp) -> None:
    assert site.everything() == []
    posts = [lambda: site.post(site.body(gunshot=SELF_TEST)).status_code for _n in range(4)]
    *codes, activated = together(*posts, site.activate)
    assert activated.state == "active" and set(codes) <= {201, 403, 410}
    assert not Alert.objects.filter(deployment=site.deployment).exists()
    passed = InstallationCheck.objects.filter(deployment=site.deployment, item="test_alert", passed=True)
    assert passed.count() == 1, "one is enough, and stood before"


def test_openings_and_tests_wait_for_each_other_and_never_in_a_ring(site: SettingUp) -> None:
    site.open()
    for _round in range(ROUNDS):
        codes = together(
            *[lambda: site.post(site.body()).status_code for _n in range(3)], lambda: site.open() and 0
        )
        assert set(codes) <= {0, 201}, "no deadlock, no refusal: a window is open all the time"


def test_moved_and_ended_at_the_same_moment_end_once(site: SettingUp) -> None:
    assert site.everything() == []
    site.activate()
    for _n in range(2):
        site.says(north_m=60)
    supervisor = site.scene.users["supervisor"]

    def end() -> Any:
        from accounts.services import acting
        from deployments import services

        with acting(supervisor):
            return services.deactivate_deployment(actor=supervisor, deployment_id=site.deployment.pk)

    said = together(*[lambda: site.says(north_m=60) for _n in range(3)], end)
    assert all(answer is not None for answer in said), "nobody was killed in a ring of locks"
    ended = Deployment.objects.get(pk=site.deployment.pk)
    assert ended.state == "deactivated" and ended.deactivation_reason in ("fault", "need_ended")
