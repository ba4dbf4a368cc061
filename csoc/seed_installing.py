"""How the demonstration's trailers were set up: a technician beside each, through the same services."""

import uuid

import audit
from accounts.models import User
from accounts.services import acting
from alerts.schemas import AlertBody, Clock, Detector, Gunshot
from alerts.services import receive_alert
from csoc.lib import clock
from deployments import services
from deployments.models import Deployment
from deployments.selectors.installing import needed
from trailers import services as trailer_services
from trailers.models import MODULES, Trailer
from trailers.schemas import Position, Report


def install(authorised: Deployment, technician: User) -> None:
    """Go through the installation's checklist. Errors: Refused where no trailer may be set up."""
    points = needed(authorised)
    with acting(technician):
        services.open_installation(actor=technician, deployment_id=authorised.pk)
        services.record_point(
            actor=technician, deployment_id=authorised.pk, item="heading", value=authorised.heading_deg
        )
        for item in ("masks", "speaker"):
            if item in points:
                services.record_point(actor=technician, deployment_id=authorised.pk, item=item)
    _speak(authorised, authorised.trailer)
    with acting(technician):
        services.complete_installation(actor=technician, deployment_id=authorised.pk)


def _speak(deployment: Deployment, trailer: Trailer) -> None:
    """The trailer tells where it stands, that every sensor is off, and raises its test alert."""
    assert deployment.lat is not None and deployment.lon is not None
    report = Report(
        at=clock.wire(clock.now()), position=Position(deployment.lat, deployment.lon, 10, 3.0),
        modules=dict.fromkeys(MODULES, "off"),
    )  # fmt: skip
    test = AlertBody(
        schema="csrp.alert/1", id=uuid.uuid4(), trailer=trailer.name, kind="gunshot",
        occurred_at=clock.wire(clock.now()) or "", clock=Clock(source="ntp"), seq=0,
        deployment=deployment.name,
        gunshot=Gunshot(class_="gunshot", confidence=1.0, detector=Detector(model="self-test")),
    )  # fmt: skip
    with audit.acting_as(audit.Actor("trailer", trailer.name, agency=trailer.agency.code)) as actor:
        trailer_services.heartbeat(trailer=trailer, report=report, actor=actor)
        receive_alert(actor=trailer, body=test)
