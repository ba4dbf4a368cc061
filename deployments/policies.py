"""Whether an act on a deployment is allowed. Reads only; raises Refused."""

from datetime import datetime

from django.utils.translation import gettext as _

import audit
from accounts.models import Role, User
from accounts.policies import require_role
from accounts.selectors import roles_of
from csoc.lib.errors import Refused, nothing_here
from deployments.models import Consent, Deployment, Incident, RiskAssessment
from trailers.models import Trailer

Actor = User | audit.Actor


def may_prepare(actor: User) -> None:
    """Only an applicant prepares a deployment."""
    require_role(actor, Role.APPLICANT)


def same_agency(actor: User, thing: Deployment | Incident | Consent | Trailer) -> None:
    """What belongs to another agency does not exist for this person."""
    if actor.person.agency_id != thing.agency_id:
        raise nothing_here()


def may_read(actor: User, deployment: Deployment) -> bool:
    """A supervisor reads every deployment of the agency, an applicant those of their own unit."""
    held = roles_of(actor)
    if actor.person.agency_id != deployment.agency_id:
        return False
    own = deployment.unit_id == actor.person.unit_id or deployment.applicant_id == actor.person_id
    return Role.SUPERVISOR in held or (Role.APPLICANT in held and own)


def complete(deployment: Deployment, moment: datetime) -> None:
    """H1: what a deployment needs before anybody is asked to authorise it."""
    if deployment.incident is None:
        raise Refused("incident-missing", _("Link the reported incident first."), 422)
    risk = deployment.risk
    if risk is None or risk.incident_id != deployment.incident_id:
        raise Refused("below-threshold", _("Assess the risk of this incident first."), 422)
    require_threshold(risk, moment)
    if not (deployment.aim.strip() and deployment.alternatives.strip() and deployment.modules):
        raise Refused(
            "need-missing",
            _("Record the operational need, the less intrusive alternatives and the sensors it justifies."),
            422,
        )
    if deployment.consent is None or not deployment.consent.holds_at(moment):
        raise Refused("consent-missing", _("A valid consent of the property owner is missing."), 422)
    if deployment.ends_at <= moment:
        raise Refused("term-over", _("The end date has passed. Give a later one."), 422)


def require_threshold(risk: RiskAssessment, moment: datetime) -> None:
    """Below the threshold the flow stops and says why."""
    if not risk.meets_threshold_at(moment):
        raise Refused(
            "below-threshold",
            _("The risk scores %(score)d; a deployment needs %(threshold)d on a current assessment.")
            % {"score": risk.score, "threshold": risk.threshold},
            422,
        )


def may_decide(actor: User, deployment: Deployment, *, version: int, content_hash: str) -> None:
    """H1, H2: a supervisor who did not apply, on exactly what they read."""
    require_role(actor, Role.SUPERVISOR)
    same_agency(actor, deployment)
    if actor.person_id == deployment.applicant_id:
        raise Refused("own-request", _("You applied for this. Another supervisor must decide."), 403)
    if deployment.state != Deployment.State.SUBMITTED:
        raise Refused("wrong-state", _("This deployment is not waiting for a decision."), 409)
    if version != deployment.version or content_hash != deployment.content_hash:
        raise Refused("stale-content", _("It changed after you read it. Read it again."), 409)


def may_activate(actor: User, deployment: Deployment, moment: datetime) -> None:
    """H1: everything still holds at the moment the sensors go on."""
    require_role(actor, Role.SUPERVISOR, Role.TECHNICIAN)
    same_agency(actor, deployment)
    if deployment.state != Deployment.State.AUTHORISED:
        raise Refused("wrong-state", _("Only an authorised deployment can be activated."), 409)
    complete(deployment, moment)
    if not deployment.starts_at <= moment:
        raise Refused("not-begun", _("The authorised term has not begun."), 409)
    authorisation = deployment.authorisation
    if authorisation is None or authorisation.content_hash != deployment.hash_content():
        raise Refused("stale-content", _("It changed after it was authorised. It needs a new decision."), 409)
    taken = Deployment.objects.filter(trailer=deployment.trailer, state=Deployment.State.ACTIVE).first()
    if taken is not None:
        raise Refused("overlap", _("The trailer is already deployed under %s.") % taken.name, 409)


def may_end(actor: Actor, deployment: Deployment) -> None:
    """Stopping needs no approval (H3): applicant, supervisor, technician, or the console itself."""
    if isinstance(actor, User):
        require_role(actor, Role.APPLICANT, Role.SUPERVISOR, Role.TECHNICIAN)
        same_agency(actor, deployment)
    elif actor.kind != "system":
        raise Refused("not-permitted", _("Only a named person or the console ends a deployment."), 403)
    if deployment.state not in (Deployment.State.ACTIVE, Deployment.State.AUTHORISED):
        raise Refused("wrong-state", _("This deployment is not active."), 409)
