"""Setting a trailer up: who opens the window, and what may be recorded in it. Reads only."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from accounts.models import Role, User
from accounts.policies import require_role
from csoc.lib.errors import Refused
from deployments.models import Deployment, Installation, InstallationCheck
from deployments.policies.people import same_agency

#: H18: an installation window.
WINDOW = timedelta(minutes=30)
#: The measured heading may differ from the authorised one by this much, degrees.
HEADING_OFF_DEG = 5.0
#: What the technician sees with their own eyes; the rest the trailer tells.
BY_HAND = frozenset({"heading", "masks", "speaker"})


def may_see_installation(actor: User, deployment: Deployment) -> None:
    """Technicians set it up, supervisors look on."""
    require_role(actor, Role.TECHNICIAN, Role.SUPERVISOR)
    same_agency(actor, deployment)


def may_open_installation(actor: User, deployment: Deployment, moment: datetime) -> None:
    """A technician, on what is authorised, while the trailer stands nowhere else."""
    require_role(actor, Role.TECHNICIAN)
    same_agency(actor, deployment)
    if deployment.state != Deployment.State.AUTHORISED:
        raise Refused("wrong-state", _("A trailer is set up under an authorised deployment only."), 409)
    if deployment.consent is None or not deployment.consent.holds_at(moment):
        raise Refused(
            "consent-missing", _("The owner's consent no longer holds. Nothing may be set up."), 409
        )
    if deployment.ends_at is None or deployment.ends_at <= moment:
        raise Refused("term-over", _("The authorised term is over. It needs a new application."), 409)
    elsewhere = Deployment.objects.filter(trailer=deployment.trailer, state=Deployment.State.ACTIVE).first()
    if elsewhere is not None:
        sentence = _("The trailer still stands under %s. End that first.") % elsewhere.name
        raise Refused("overlap", sentence, 409)


def may_record(actor: User, deployment: Deployment, window: Installation | None) -> Installation:
    """Only inside the window; returns it. Errors: Refused ``window-closed`` (409)."""
    require_role(actor, Role.TECHNICIAN)
    same_agency(actor, deployment)
    if window is None:
        raise Refused("window-closed", _("The installation window has ended. Open it again first."), 409)
    return window


def by_hand(item: str, value: float | None) -> None:
    """A point that a person records, with its measure where it has one. Errors: Refused (422)."""
    if item not in BY_HAND:
        raise Refused("not-by-hand", _("The trailer itself tells this point; it is not typed."), 422)
    if item == InstallationCheck.Item.HEADING and not (value is not None and 0 <= value < 360):
        raise Refused(
            "heading-missing", _("Give the measured heading in degrees true, from 0 to 359.9."), 422,
            field="value",
        )  # fmt: skip


def heading_off_deg(wanted: float, measured: float) -> float:
    """Return how far two headings lie apart, 0-180 degrees, the short way round."""
    return abs((measured - wanted + 180) % 360 - 180)
