"""Sharing one deployment: by whom, with whom, what it opens, and that it is gone at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts import services as people
from accounts.models import Agency, Unit, User
from accounts.services import acting
from csoc import seed
from csoc.lib.errors import Refused
from deployments import policies, services
from deployments.models import Deployment, DeploymentUserPermission
from deployments.selectors import deployments_visible_to, section_digest
from deployments.selectors.sharing import could_share_with, shared_with
from deployments.services.sharing import share_deployment, unshare_deployment
from tests.accounts.people import add_user, second_sign_in, sign_in
from tests.deployments.standing_people import free_trailer, plan
from tests.scene import Scene, standing

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


def other_unit(scene: Scene, *roles: str, username: str = "far.away", agency: Agency | None = None) -> User:
    """Somebody of the same agency's other unit, with an applicant's or a supervisor's role."""
    boss = scene.users["administrator"]
    unit = Unit.objects.create(
        agency=agency or boss.person.agency, code=username.upper()[:12], name="Other unit"
    )
    issued = add_user(boss, username, *roles, name=f"Nour {username}")
    user = issued.user
    user.give_password(issued.password, initial=False)
    person = user.person
    person.unit, person.agency = unit, unit.agency
    person.save()
    return User.objects.select_related("person__agency", "person__unit").get(pk=user.pk)


def share(actor: User, deployment: Deployment, user: User, act: str = "view") -> None:
    with acting(actor):
        share_deployment(actor=actor, deployment_id=deployment.pk, person=user.person, act=act)


def page(deployment: Deployment) -> str:
    return f"/deployments/{deployment.address_name}/"


def test_another_units_applicant_sees_it_only_by_a_grant_and_no_longer(scene: Scene) -> None:
    nour, deployment = other_unit(scene, "applicant"), scene.deployment
    browser = sign_in(nour)
    assert browser.get(page(deployment)).status_code == 403
    assert not deployments_visible_to(nour).exists()
    share(scene.users["applicant"], deployment, nour)
    assert browser.get(page(deployment)).status_code == 200
    assert list(deployments_visible_to(nour)) == [deployment]
    with acting(scene.users["applicant"]):
        unshare_deployment(actor=scene.users["applicant"], deployment_id=deployment.pk, person=nour.person)
    assert browser.get(page(deployment)).status_code == 403
    assert browser.get(page(deployment) + "decide/").status_code == 403
    assert browser.get(page(deployment) + "report.pdf").status_code == 404


def test_a_grant_to_write_is_no_grant_to_decide_or_to_share(scene: Scene) -> None:
    ines, nour = scene.users["applicant"], other_unit(scene, "applicant")
    draft = _draft(scene)
    with acting(nour), pytest.raises(Refused) as caught:
        services.keep_answers(actor=nour, deployment_id=draft.pk, section="need", typed={"aim": "x"}, base="")
    assert caught.value.code == "not-found"
    share(ines, draft, nour, "change")
    base = section_digest(draft, "need")
    with acting(nour):
        services.keep_answers(
            actor=nour, deployment_id=draft.pk, section="need", typed={"aim": "x"}, base=base
        )
        with pytest.raises(Refused) as caught:
            share_deployment(actor=nour, deployment_id=draft.pk, person=scene.users["supervisor"].person)
    assert caught.value.code == "not-yours"
    assert policies.standing.is_own(nour, draft), "who wrote at it may not authorise it"


def _draft(scene: Scene) -> Deployment:
    with acting(scene.users["applicant"]):
        return services.create_deployment(
            actor=scene.users["applicant"], trailer=free_trailer(scene.users), site="Depot"
        )


def test_a_grant_to_see_does_not_write(scene: Scene) -> None:
    nour, draft = other_unit(scene, "applicant"), _draft(scene)
    share(scene.users["applicant"], draft, nour)
    with acting(nour), pytest.raises(Refused) as caught:
        services.edit_sections(
            actor=nour, deployment_id=draft.pk, version=draft.version,
            sections={"privacy": seed.answers(plan(), draft.trailer, draft.created_at)["privacy"]},
        )  # fmt: skip
    assert caught.value.code == "not-yours"


def test_who_may_share(scene: Scene) -> None:
    deployment, nour = scene.deployment, other_unit(scene, "applicant")
    far = other_unit(scene, "supervisor", username="far.supervisor")
    share(scene.users["supervisor"], deployment, nour)
    for user in (far, scene.users["technician"], scene.users["dispatcher"], nour):
        with acting(user), pytest.raises(Refused) as caught:
            share_deployment(actor=user, deployment_id=deployment.pk, person=far.person)
        assert caught.value.status in (403, 404)


@pytest.mark.parametrize("roles", [("dispatcher",), ("technician",), ("administrator",), ()])
def test_a_grant_never_makes_up_for_a_role(scene: Scene, roles: tuple[str, ...]) -> None:
    nour = other_unit(scene, *roles)
    with pytest.raises(Refused) as caught:
        share(scene.users["applicant"], scene.deployment, nour)
    assert caught.value.code == "not-shareable"


def test_only_an_applicant_is_given_the_pen(scene: Scene) -> None:
    with pytest.raises(Refused) as caught:
        share(scene.users["applicant"], scene.deployment, other_unit(scene, "supervisor"), "change")
    assert caught.value.code == "not-shareable"


def test_never_across_agencies(scene: Scene) -> None:
    other = Agency.objects.create(code="ELSEWHERE", name="Another service")
    nour = other_unit(scene, "applicant", "supervisor", agency=other)
    with pytest.raises(Refused) as caught:
        share(scene.users["applicant"], scene.deployment, nour)
    assert caught.value.code == "not-shareable"
    browser = sign_in(nour)
    for path in ("", "decide/", "report/", "report.pdf", "end/", "review/", "tighten/", "confirmation/"):
        assert browser.get(page(scene.deployment) + path).status_code == 404, path
    for act in ("share", "unshare", "renew", "end", "decide/authorise"):
        answer = browser.post(
            f"{page(scene.deployment)}{act}/", {"person": nour.person.wire_id, "reason": "fault"}
        )
        assert answer.status_code == 404, act
    # Even a row that somebody wrote into the table opens nothing across agencies.
    from guardian.shortcuts import assign_perm

    assign_perm("view_deployment", nour, scene.deployment)
    assert browser.get(page(scene.deployment) + "report/").status_code == 404
    assert not deployments_visible_to(nour).exists()


def test_with_every_sign_in_that_fits_and_taken_back_from_all(scene: Scene) -> None:
    nour = other_unit(scene, "applicant")
    second = second_sign_in(scene.users["administrator"], nour, "supervisor").user
    third = second_sign_in(scene.users["administrator"], nour, "investigator", username="far.third").user
    share(scene.users["applicant"], scene.deployment, nour)
    granted = set(DeploymentUserPermission.objects.values_list("user_id", flat=True))
    assert granted == {nour.pk, second.pk} and third.pk not in granted
    assert [one.person for one in shared_with(scene.deployment)] == [nour.person]
    with acting(scene.users["applicant"]):
        unshare_deployment(
            actor=scene.users["applicant"], deployment_id=scene.deployment.pk, person=nour.person
        )
    assert not DeploymentUserPermission.objects.exists()


def test_a_lost_role_takes_the_grant_along(scene: Scene) -> None:
    nour = other_unit(scene, "applicant")
    share(scene.users["applicant"], scene.deployment, nour)
    administrator = scene.users["administrator"]
    with acting(administrator):
        people.set_roles(user=nour, roles=["dispatcher"], actor=administrator)
    nour = User.objects.get(pk=nour.pk)
    assert sign_in(nour).get(page(scene.deployment)).status_code == 403
    assert not deployments_visible_to(nour).exists()


def test_on_the_page(scene: Scene) -> None:
    nour, browser = other_unit(scene, "applicant"), sign_in(scene.users["supervisor"])
    assert nour.person in could_share_with(scene.users["supervisor"], scene.deployment)
    assert "Share with" in browser.get(page(scene.deployment)).content.decode()
    asked = {"person": nour.person.wire_id, "act": "view"}
    assert browser.post(page(scene.deployment) + "share/", asked).status_code == 302
    shown = browser.get(page(scene.deployment)).content.decode()
    assert f"Take it back from {nour.person.name}" in shown
    assert browser.post(page(scene.deployment) + "unshare/", asked).status_code == 302
    assert browser.post(page(scene.deployment) + "unshare/", asked).status_code == 409
    for unknown in ("u-999999999", "u-x", "", "1", "u-１"):
        assert browser.post(page(scene.deployment) + "share/", {"person": unknown}).status_code == 404


def test_a_renewal_is_a_row_of_its_own(scene: Scene) -> None:
    """A grant is for one term: the next one is shared anew."""
    nour = other_unit(scene, "applicant")
    share(scene.users["applicant"], scene.deployment, nour)
    with acting(scene.users["applicant"]):
        renewal = services.renew_deployment(actor=scene.users["applicant"], deployment_id=scene.deployment.pk)
    assert sign_in(nour).get(page(renewal)).status_code == 403
