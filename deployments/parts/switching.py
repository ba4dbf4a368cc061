"""Switching an authorised term on: after its installation, or in place of the term before it."""

from datetime import datetime, timedelta

import audit
from accounts.models import User
from csoc.lib import events, realtime
from deployments import policies
from deployments.models import Deployment
from deployments.parts.ending import close, ref, tell_trailer
from deployments.selectors import locked
from trailers.models import Trailer


def switch_on(deployment: Deployment, actor: User, now: datetime) -> None:
    """Active from now: the next review is set, an open installation is over, the trailer is told."""
    deployment.activated_at = now
    deployment.review_due_at = now + timedelta(days=deployment.review_every_days)
    deployment.installations.filter(closed_at__isnull=True).update(closed_at=now)
    deployment.move(Deployment.State.ACTIVE)
    deployment.save()
    tell_trailer(deployment, actor)
    realtime.push_on_commit("live", {"type": "refresh", "agency": deployment.agency.code})


def take_over(deployment: Deployment, actor: User, now: datetime) -> None:
    """Let an authorised renewal follow the term before it without a gap; part of the authorisation.

    Live views go on, unless the camera is no longer among what is justified.
    """
    before = locked(deployment.renews_id or 0)
    Trailer.objects.select_for_update(no_key=True).get(pk=deployment.trailer_id)
    policies.may_follow(deployment, before, now)
    close(before, person=actor.person, reason=Deployment.End.RENEWED)
    if "ptz" not in deployment.modules:
        events.emit("deployment.deactivate", deployment=before)
    deployment.move(Deployment.State.AUTHORISED)
    deployment.save()
    switch_on(deployment, actor, now)
    audit.record("deployment.renew", ref(deployment))
