"""A renewal takes over without a gap: views go on over it, and end with the number (H2, H5)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import audit
from accounts.services import acting
from alerts import schemas
from alerts import services as alert_services
from alerts.models import Alert
from csoc.lib import clock as console_clock
from csoc.lib.errors import Refused
from deployments.models import Deployment
from live import services
from live.models import LiveSession
from tests.deployments.office import Office, done
from tests.live.test_gate import acknowledge, media, view

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(scene_template: str, db: None, data_dir: Path) -> Office:
    return Office(data_dir)


def receive(office: Office, **changes: Any) -> Alert:
    scene = office.scene
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        body = schemas.alert_from(scene.gunshot(**changes))
        alert, _fresh = alert_services.receive_alert(actor=scene.trailer, body=body)
    assert isinstance(alert, Alert)
    return alert


def renewed(office: Office) -> Deployment:
    """The next term of the number that stands, taken over."""
    before = Deployment.objects.get(pk=office.scene.deployment.pk)
    after: Deployment = done(office.decide("supervisor", done(office.renewal(before))))
    before.refresh_from_db()
    assert (before.deactivation_reason, after.state, after.term) == ("renewed", "active", 2)
    return after


def test_a_view_goes_on_and_a_new_one_opens_on_the_same_alert(office: Office, clock: Any) -> None:
    alert = receive(office)
    acknowledge(office.scene, alert)
    opened = view(office.scene, alert)
    assert media(opened)
    clock.shift(60)
    after = renewed(office)
    [session] = LiveSession.objects.all()
    assert session.ended_at is None
    dana = office.users["dispatcher"]
    with acting(dana):
        services.extend_live_view(actor=dana, session_id=session.pk, reason="gunshot", cad="")
    assert media(view(office.scene, alert, "supervisor"), "g-2")

    done(office.end("supervisor", after))
    assert not LiveSession.objects.filter(ended_at__isnull=True).exists(), "an end is an end"
    with pytest.raises(Refused, match="not-deployed"):
        view(office.scene, alert)


def test_what_was_heard_before_the_take_over_and_sent_after_it_is_taken(office: Office, clock: Any) -> None:
    clock.shift(300)
    heard = console_clock.wire(console_clock.now())
    clock.shift(480)
    after = renewed(office)
    late = receive(office, occurred_at=heard)
    assert (late.deployment_id, late.late) == (after.pk, False)
    before = console_clock.wire(office.scene.deployment.activated_at - timedelta(minutes=2))  # type: ignore[operator]
    with pytest.raises(Refused, match="not-deployed"):
        receive(office, occurred_at=before)
