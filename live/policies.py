"""Whether live video may be open. Reads only; raises Refused. The same rules judge every frame's token."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from accounts.models import User
from alerts import policies as alert_policies
from alerts.models import Alert
from csoc.lib.errors import Refused, nothing_here
from deployments.selectors import active_deployment
from deployments.selectors.terms import same_number
from live.models import LONGEST_LIFE, LiveSession

#: H5: an alert older than this when it arrived opens no camera.
FRESH_WITHIN = timedelta(minutes=10)


def gate(actor: User, alert: Alert, now: datetime) -> None:
    """The acknowledgement gate (H5). Judged before anything else of the request.

    Errors: Refused ``not-acknowledged``, ``alert-closed``, ``too-old-for-video``, ``drill``,
    ``not-deployed``, ``no-camera`` (403).
    """
    alert_policies.may_see_alerts(actor)
    alert_policies.same_agency(actor, alert)
    if alert.state == Alert.State.UNACKNOWLEDGED:
        raise Refused("not-acknowledged", _("Acknowledge the alert first: then the camera can open."), 403)
    if alert.state == Alert.State.CLOSED:
        raise Refused("alert-closed", _("The alert is closed. Live video has ended with it."), 403)
    if alert.received_at - alert.occurred_at > FRESH_WITHIN:
        raise Refused(
            "too-old-for-video",
            _("The alert was over 10 minutes old when it arrived. No camera opens on it."),
            403,
        )
    if "drill" in alert.flags:
        raise Refused("drill", _("A drill never opens a camera."), 403)
    camera_stands(alert, now)


def camera_stands(alert: Alert, now: datetime) -> None:
    """The trailer still stands there by right, with a camera that was justified.

    By the deployment's number: a renewal takes over without a gap, and the alert's ground goes on.
    """
    deployment = active_deployment(alert.trailer, now)
    if deployment is None or not same_number(deployment, alert.deployment):
        raise Refused("not-deployed", _("The deployment has ended, and its camera with it."), 403)
    if "ptz" not in deployment.modules:
        raise Refused("no-camera", _("This deployment was authorised without the camera."), 403)


def may_extend(actor: User, session: LiveSession, now: datetime) -> None:
    """Only the person watching, while it runs, and never past 60 min."""
    own(actor, session)
    if session.ended_at is not None or session.expires_at <= now:
        raise Refused("view-ended", _("This live view has ended. Open it again with a reason."), 409)
    if session.expires_at >= session.opened_at + LONGEST_LIFE:
        raise Refused(
            "longest-view", _("A live view lasts 60 minutes at most. Open a new one with a reason."), 409
        )
    gate(actor, session.alert, now)


def own(actor: User, session: LiveSession) -> None:
    """Another person's session does not exist for this one."""
    if session.user_id != actor.pk:
        raise nothing_here()
