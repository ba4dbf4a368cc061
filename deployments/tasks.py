"""Ends what is over. The door refuses at once by itself; this adds the record and turns sensors off."""

from datetime import datetime

from celery import shared_task

import audit
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import selectors, services
from deployments.models import Deployment
from deployments.owner import outbox


@shared_task
def end_due_deployments() -> int:
    """Deactivate every deployment whose term or consent is over; returns how many."""
    now = clock.now()
    ended = 0
    for deployment in selectors.ended_but_standing(now):
        reason = _why(deployment, now)
        actor = audit.system("expiry")
        try:
            with audit.acting_as(actor):
                services.deactivate_deployment(actor=actor, deployment_id=deployment.pk, reason=reason)
            ended += 1
        except Refused:
            # Somebody ended it in the meantime: that record stands.
            continue
    return ended


def _why(deployment: Deployment, now: datetime) -> str:
    if deployment.ends_at is not None and deployment.ends_at <= now:
        return Deployment.End.EXPIRED
    taken_back = deployment.consent is not None and deployment.consent.withdrawn_at is not None
    return Deployment.End.CONSENT_WITHDRAWN if taken_back else Deployment.End.CONSENT_EXPIRED


@shared_task
def send_owner_mail() -> int:
    """Send what waits for owners; returns how many left."""
    return outbox.send_due(clock.now())
