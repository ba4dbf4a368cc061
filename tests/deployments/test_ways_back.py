"""A page never ends in nothing: addresses of forms, a phone's way to the end, what an old term tells."""

from pathlib import Path
from typing import Any

import pytest

from deployments.models import Deployment
from tests.accounts.people import sign_in
from tests.scene import Scene, standing

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path, clock: Any) -> Scene:
    return standing(data_dir)


@pytest.mark.parametrize("act", ["share/", "decide/authorise/", "renew/"])
def test_the_address_of_a_form_leads_back_to_its_page(scene: Scene, act: str) -> None:
    at = f"/deployments/{scene.deployment.name}/"
    browser = sign_in(scene.users["supervisor"])
    answer = browser.get(at + act)
    shown = answer.content.decode()
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert f'href="{at}"' in shown and "Nothing was changed" in shown
    assert browser.get(at + act, headers={"Accept": "application/json"}).content == b""


def test_on_a_phone_the_end_is_one_press_from_the_top(scene: Scene) -> None:
    at = f"/deployments/{scene.deployment.name}/"
    shown = sign_in(scene.users["technician"]).get(at).content.decode()
    assert 'href="#end-it"' in shown and 'id="end-it"' in shown
    assert "its technicians too" in shown


def test_a_term_that_was_renewed_tells_of_no_confirmation(scene: Scene) -> None:
    """It went over as it was: nothing was switched off, so nothing is confirmed."""
    from accounts.services import acting
    from deployments import services
    from deployments.parts.ending import end

    ines, found = scene.users["applicant"], Deployment.objects.get(pk=scene.deployment.pk)
    with acting(ines):
        services.renew_deployment(actor=ines, deployment_id=found.pk)
    with acting(scene.users["supervisor"]):
        end(found, person=ines.person, reason=Deployment.End.RENEWED, actor=scene.users["supervisor"])
    shown = sign_in(ines).get(f"/deployments/{found.name}.1/").content.decode()
    assert "When the next term took over" in shown and "was on" in shown
    assert "What the trailer confirmed" not in shown and "goes on under" not in shown


def test_the_overview_says_since_when_there_is_nothing(scene: Scene) -> None:
    shown = sign_in(scene.users["supervisor"]).get("/deployments/overview/").content.decode()
    assert "None at " in shown and ">None.<" not in shown
    assert "review " in shown and "TRL-" not in shown
