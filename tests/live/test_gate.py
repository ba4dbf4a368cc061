"""The acknowledgement gate, in the service and in the database, and every way a view ends."""

import hashlib
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

import audit
from accounts import services as people
from accounts.services import acting
from alerts import schemas
from alerts import services as alert_services
from alerts.models import Alert
from csoc.lib import clock as clock_module
from csoc.lib.errors import Refused
from deployments import services as deployment_services
from live import gate, services
from live.models import LiveSession, MediaToken, Stream
from tests.scene import Scene, standing
from trailers.models import Command


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


@pytest.fixture
def alert(scene: Scene) -> Alert:
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        body = schemas.alert_from(scene.gunshot())
        received, _fresh = alert_services.receive_alert(actor=scene.trailer, body=body)
    assert isinstance(received, Alert)
    return received


def acknowledge(scene: Scene, alert: Alert) -> Alert:
    dana = scene.users["dispatcher"]
    with acting(dana):
        return alert_services.acknowledge_alert(actor=dana, alert_id=alert.pk, version=alert.version)


def view(scene: Scene, alert: Alert, who: str = "dispatcher") -> dict[str, Any]:
    user = scene.users[who]
    with acting(user):
        return services.open_live_view(
            actor=user, login=None, alert_id=alert.pk, reason="gunshot", cad="26-118204"
        )


def media(opened: dict[str, Any], gateway_id: str | None = "g-1", action: str = "read") -> bool:
    path = opened["whep_url"].split("/")[2]
    return gate.admit(actor="gateway", token=opened["token"], action=action, path=path, gateway_id=gateway_id)


def test_before_acknowledgement_nothing_opens(scene: Scene, alert: Alert) -> None:
    with pytest.raises(Refused) as caught:
        view(scene, alert)
    assert (caught.value.code, caught.value.status) == ("not-acknowledged", 403)
    assert not Command.objects.exists()


def test_the_database_refuses_a_view_without_acknowledgement(scene: Scene, alert: Alert) -> None:
    """Even code that forgets the policy cannot open a camera."""
    now = clock_module.now()
    stream = Stream.objects.create(
        trailer=scene.trailer, alert=alert, path="p" * 24, started_at=now, renewed_at=now
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        LiveSession.objects.create(
            agency=alert.agency, person=scene.users["dispatcher"].person, user=scene.users["dispatcher"],
            auth_epoch=1, login="", alert=alert, trailer=scene.trailer, stream=stream, reason="gunshot",
            opened_at=now, expires_at=now + timedelta(minutes=5),
        )  # fmt: skip


def test_acknowledged_view_commands_the_camera_once(scene: Scene, alert: Alert) -> None:
    acknowledge(scene, alert)
    view(scene, alert)
    view(scene, alert, "supervisor")
    names = list(Command.objects.order_by("seq").values_list("name", flat=True))
    assert names == ["stream.start", "stream.renew"]
    assert LiveSession.objects.count() == 2
    assert Stream.objects.count() == 1


def test_token_is_single_use_and_bound(scene: Scene, alert: Alert) -> None:
    acknowledge(scene, alert)
    opened = view(scene, alert)
    assert not media({**opened, "token": "forged"})
    assert not media({**opened, "whep_url": "/gateway/elsewhere/whep"})
    assert not media(opened, action="publish")
    assert media(opened, gateway_id=None), "a pre-flight is judged and not spent"
    assert media(opened)
    assert not media(opened, gateway_id="g-2")
    assert (
        hashlib.sha256(opened["token"].encode()).hexdigest() == MediaToken.objects.get(action="read").sha256
    )


def test_token_is_worth_nothing_after_30_s(scene: Scene, alert: Alert, clock: Any) -> None:
    acknowledge(scene, alert)
    opened = view(scene, alert)
    clock.shift(31)
    assert not media(opened)


def _close(scene: Scene, alert: Alert) -> None:
    eli = scene.users["dispatcher-2"]
    with acting(eli):
        alert_services.close_alert(actor=eli, alert_id=alert.pk, version=2, outcome="confirmed")


def _hand_back(scene: Scene, alert: Alert) -> None:
    dana = scene.users["dispatcher"]
    with acting(dana):
        alert_services.hand_back_alert(actor=dana, alert_id=alert.pk, reason="wrong row")


def _deactivate(scene: Scene, alert: Alert) -> None:
    omar = scene.users["supervisor"]
    with acting(omar):
        deployment_services.deactivate_deployment(actor=omar, deployment_id=scene.deployment.pk)


def _withdraw(scene: Scene, alert: Alert) -> None:
    ines = scene.users["applicant"]
    with acting(ines):
        deployment_services.withdraw_consent(actor=ines, consent_id=scene.deployment.consent_id or 0)


def _lose_right(scene: Scene, alert: Alert) -> None:
    administrator = scene.users["administrator"]
    with acting(administrator):
        people.set_roles(user=scene.users["dispatcher"], roles=["applicant"], actor=administrator)


def _leave(scene: Scene, alert: Alert) -> None:
    administrator = scene.users["administrator"]
    with acting(administrator):
        people.leave_staff(person=scene.users["dispatcher"].person, actor=administrator)


@pytest.mark.parametrize("end", [_close, _hand_back, _deactivate, _withdraw, _lose_right, _leave])
def test_whatever_takes_the_ground_away_ends_the_view(scene: Scene, alert: Alert, end: Any) -> None:
    acknowledge(scene, alert)
    opened = view(scene, alert)
    assert media(opened)
    assert gate.keep(["g-1"]) == ["g-1"]
    end(scene, alert)
    assert gate.keep(["g-1"]) == []
    assert LiveSession.objects.get().ended_at is not None
    assert Command.objects.order_by("-seq")[0].name == "stream.stop"


def test_view_ends_by_itself_without_any_job(scene: Scene, alert: Alert, clock: Any) -> None:
    acknowledge(scene, alert)
    opened = view(scene, alert)
    assert media(opened)
    clock.shift(5 * 60 + 1)
    assert gate.keep(["g-1"]) == []
    with audit.acting_as(audit.system("expiry")):
        assert services.end_due_sessions(actor=audit.system("expiry")) == 1
    assert LiveSession.objects.get().end_reason == "expired"


def test_sixty_minutes_at_most(scene: Scene, alert: Alert, clock: Any) -> None:
    acknowledge(scene, alert)
    opened = view(scene, alert)
    dana = scene.users["dispatcher"]
    for minute in range(4, 60, 4):
        clock.shift(minute * 60)
        with acting(dana):
            try:
                services.extend_live_view(
                    actor=dana, session_id=uuid.UUID(opened["session"]), reason="gunshot", cad=""
                )
            except Refused as error:
                assert error.code == "longest-view"
    session = LiveSession.objects.get()
    assert session.expires_at - session.opened_at == timedelta(minutes=60)


def test_a_camera_never_sends_to_nobody(scene: Scene, alert: Alert, clock: Any) -> None:
    acknowledge(scene, alert)
    opened = view(scene, alert)
    assert media(opened)
    actor = audit.system("lease")
    with audit.acting_as(actor):
        assert services.end_what_is_gone(actor=actor, present=set()) == 0, "it may not be listed yet"
        clock.shift(7)
        assert services.end_what_is_gone(actor=actor, present=set()) == 1
    assert LiveSession.objects.get().end_reason == "gone"
    assert Command.objects.order_by("-seq")[0].name == "stream.stop"


def test_a_view_whose_page_never_came_ends_with_its_token(scene: Scene, alert: Alert, clock: Any) -> None:
    """The trailer publishes, but nobody ever fetched the picture."""
    acknowledge(scene, alert)
    view(scene, alert)
    token = MediaToken.objects.get(action="publish")
    token.spent_at, token.spent_as = clock.now(), "p-1"
    token.save()
    actor = audit.system("lease")
    with audit.acting_as(actor):
        assert services.end_what_is_gone(actor=actor, present={"p-1"}) == 0
        clock.shift(31)
        assert services.end_what_is_gone(actor=actor, present={"p-1"}) == 1
    assert LiveSession.objects.get().end_reason == "gone"
    assert Command.objects.order_by("-seq")[0].name == "stream.stop"


def test_another_persons_view_is_not_mine_to_extend(scene: Scene, alert: Alert) -> None:
    acknowledge(scene, alert)
    opened = view(scene, alert)
    omar = scene.users["supervisor"]
    with acting(omar), pytest.raises(Refused) as caught:
        services.close_live_view(actor=omar, session_id=uuid.UUID(opened["session"]))
    assert caught.value.status == 404


def test_old_alert_opens_no_camera(scene: Scene, clock: Any) -> None:
    body = scene.gunshot()
    clock.shift(11 * 60)
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        late = alert_services.receive_alert(actor=scene.trailer, body=schemas.alert_from(body))[0]
    acknowledge(scene, late)
    with pytest.raises(Refused) as caught:
        view(scene, late)
    assert caught.value.code == "too-old-for-video"


def test_signing_out_ends_the_views_of_that_sign_in(scene: Scene, alert: Alert) -> None:
    from django.test import RequestFactory

    from accounts.services import record_sign_out

    class Session(dict[str, Any]):
        session_key = "k" * 32

    acknowledge(scene, alert)
    dana = scene.users["dispatcher"]
    with acting(dana):
        services.open_live_view(actor=dana, login=Session(), alert_id=alert.pk, reason="gunshot", cad="")
    request = RequestFactory().post("/accounts/logout/")
    request.session, request.user = Session(), dana  # type: ignore[assignment]
    record_sign_out(actor=dana, request=request)
    assert LiveSession.objects.get().end_reason == "signed-out"
