"""First wins, on real connections: an owner who answers and somebody who does something else."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

import audit
from accounts.services import acting
from bench.driving import together
from csoc.lib.errors import Refused
from deployments import services
from deployments.models import Consent, ConsentRequest, Deployment, OwnerCode
from deployments.owner import links
from deployments.services import answering, asking
from tests.deployments.owners import OWNER, ask, draft
from tests.scene import Scene, standing

ROUNDS = 12


@pytest.fixture
def scene(scene_template: str, own_database: str, data_dir: Path) -> Scene:
    return standing(data_dir)


def race(*acts: Callable[[], Any]) -> list[Any]:
    """Let each act go in the same moment on a connection of its own; a refusal is its result."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        connection.ensure_connection()
        gate.wait(30)
        try:
            return act()
        except Refused as refused:
            return refused
        finally:
            connections.close_all()

    return together([partial(run, act) for act in acts])


def owner(request: ConsentRequest, service: Callable[..., Any], **values: Any) -> Callable[[], Any]:
    actor = audit.Actor("owner", f"own-{request.pk}", agency="X")

    def act() -> Any:
        with audit.acting_as(actor):
            return service(actor=actor, request_id=request.pk, **values)

    return act


def of(user: Any, service: Callable[..., Any], **values: Any) -> Callable[[], Any]:
    def act() -> Any:
        with acting(user):
            return service(actor=user, **values)

    return act


def refusals(results: list[Any]) -> list[str]:
    return [one.code for one in results if isinstance(one, Refused)]


GIVE = {"conditions": "", "language": "en"}


def test_yes_twice_is_one_consent(scene: Scene) -> None:
    for _ in range(ROUNDS):
        request = ask(scene, draft(scene))
        give = owner(request, answering.give_consent, **GIVE)
        assert refusals(race(give, give)) == ["link-answered"]
        assert Consent.objects.filter(request=request).count() == 1


def test_yes_and_no_are_one_answer(scene: Scene) -> None:
    for _ in range(ROUNDS):
        request = ask(scene, draft(scene))
        told = race(owner(request, answering.give_consent, **GIVE), owner(request, answering.decline_consent))
        assert refusals(told) == ["link-answered"]
        request.refresh_from_db()
        assert (request.answer == "given") == (request.consent_id is not None)


def test_yes_against_a_newer_link(scene: Scene) -> None:
    ines = scene.users["applicant"]
    for _ in range(5):
        wanted = draft(scene)
        request = ask(scene, wanted)
        newer = {"capacity": "owner", "language": "en"} | OWNER
        told = race(
            owner(request, answering.give_consent, **GIVE),
            of(ines, asking.request_consent, deployment_id=wanted.pk, **newer),
        )
        request.refresh_from_db()
        assert refusals(told) in ([], ["link-replaced"])
        assert (request.answer == "given") == (refusals(told) == [])
        assert (request.ended_at is None) == (request.answer == "given")
        assert wanted.consent_requests.filter(answer="", ended_at=None).count() == 1


def test_the_right_code_is_spent_once_and_tries_are_counted(scene: Scene) -> None:
    for _ in range(ROUNDS):
        request = ask(scene, draft(scene))
        token = links.new_token()
        owner(request, answering.send_code, token=token, language="en")()
        code = "123456"
        OwnerCode.objects.filter(request=request).update(code_hmac=links.code_hmac(token, code))
        check = owner(request, answering.check_code, token=token, code=code)
        assert refusals(race(check, check, check)) == ["code-over", "code-over"]
        owner(request, answering.send_code, token=token, language="en")()
        OwnerCode.objects.filter(request=request).update(code_hmac=links.code_hmac(token, code))
        wrong = owner(request, answering.check_code, token=token, code="654321")
        told = race(*[wrong] * 7)
        assert sorted(refusals(told)) == ["code-over"] * 2 + ["code-wrong"] * 5
        assert OwnerCode.objects.filter(request=request).order_by("-pk")[0].tries == 5


def test_withdrawing_against_authorising_leaves_nothing_standing(scene: Scene) -> None:
    omar, ines = scene.users["supervisor"], scene.users["applicant"]
    with acting(omar):
        services.deactivate_deployment(
            actor=omar, deployment_id=scene.deployment.pk, reason=Deployment.End.NEED_ENDED
        )
    for _ in range(ROUNDS):
        wanted = draft(scene)
        request = ask(scene, wanted)
        owner(request, answering.give_consent, **GIVE)()
        version = Deployment.objects.values_list("version", flat=True).get(pk=wanted.pk)
        sent = of(ines, services.submit_deployment, deployment_id=wanted.pk, version=version)()
        authorise = of(
            omar, services.authorise_deployment, deployment_id=sent.pk, version=sent.version,
            content_hash=sent.content_hash, words="The threat is current.",
        )  # fmt: skip
        told = race(authorise, owner(request, answering.withdraw_by_owner, language="en"))
        state = Deployment.objects.values_list("state", flat=True).get(pk=wanted.pk)
        assert refusals(told) in ([], ["consent-missing"]), told
        assert state == ("submitted" if refusals(told) else "deactivated")
        assert Consent.objects.get(request=request).withdrawn_at is not None
        if state == "submitted":
            of(
                ines, services.withdraw_application, deployment_id=sent.pk,
                version=Deployment.objects.get(pk=sent.pk).version,
            )()  # fmt: skip


def test_two_workers_send_a_mail_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from csoc.lib import clock
    from deployments.owner import outbox

    sent: list[str] = []
    monkeypatch.setattr(outbox, "deliver", lambda to, subject, text: sent.append(text))
    for _ in range(5):
        ask(scene, draft(scene))
    send = partial(outbox.send_due, clock.now())
    assert sum(race(send, send, send)) == 5
    assert len(sent) == len(set(sent)) == 5
