"""Who may: roles, unit and agency, grants, and the state that an act needs."""

from datetime import datetime

from django.utils.translation import gettext as _

import audit
from accounts.models import Role, User
from accounts.policies import require_role
from accounts.selectors import roles_of
from csoc.lib.errors import Refused, nothing_here
from deployments.models import Consent, Deployment, Incident, RiskMatrix
from deployments.policies.content import complete, same_version, trailer_free
from deployments.selectors.grants import has_grant
from deployments.times import stamp
from trailers.models import Trailer

Actor = User | audit.Actor


def may_prepare(actor: User) -> None:
    """Only an applicant prepares a deployment."""
    require_role(actor, Role.APPLICANT)


def same_agency(actor: User, thing: Deployment | Incident | Consent | Trailer | RiskMatrix) -> None:
    """What belongs to another agency does not exist for this person."""
    if actor.person.agency_id != thing.agency_id:
        raise nothing_here()


def can_read(actor: User, deployment: Deployment) -> bool:
    """A supervisor reads what was sent in the agency, an applicant those of the own unit, others by a grant.

    A technician reads what is to be installed or stands, and what they ended: its sensors have to confirm.
    """
    held = roles_of(actor)
    if actor.person.agency_id != deployment.agency_id or not held & {
        Role.SUPERVISOR, Role.APPLICANT, Role.TECHNICIAN
    }:  # fmt: skip
        return False
    own = deployment.unit_id == actor.person.unit_id or deployment.applicant_id == actor.person_id
    sent = deployment.state != Deployment.State.DRAFT
    installed = deployment.state in (Deployment.State.AUTHORISED, Deployment.State.ACTIVE)
    ended = deployment.deactivated_by_id == actor.person_id
    return (
        (Role.SUPERVISOR in held and sent)
        or (Role.APPLICANT in held and own)
        or (Role.TECHNICIAN in held and (installed or ended))
        # A grant never makes up for a role.
        or (bool(held & {Role.SUPERVISOR, Role.APPLICANT}) and has_grant(actor, deployment, "view"))
    )


def may_edit(actor: User, deployment: Deployment) -> None:
    """The applicant, or an applicant with a grant to write; and only a draft or a returned application."""
    may_prepare(actor)
    same_agency(actor, deployment)
    if not can_read(actor, deployment):
        raise nothing_here()
    if deployment.applicant_id != actor.person_id and not has_grant(actor, deployment, "change"):
        raise Refused(
            "not-yours", _("%(name)s prepares this one. Ask them to share it with you.")
            % {"name": deployment.applicant.name}, 403,
        )  # fmt: skip
    if deployment.editable:
        return
    if deployment.state == Deployment.State.SUBMITTED:
        raise Refused(
            "wrong-state", _("It was sent and waits for a decision. Take it back first, then edit it."), 409
        )
    raise Refused("wrong-state", _("It can no longer be edited."), 409)


def may_submit(actor: User, deployment: Deployment, *, version: int, moment: datetime) -> None:
    """Everything is there, and the person saw the newest version."""
    may_edit(actor, deployment)
    same_version(deployment, version)
    complete(deployment, moment)
    trailer_free(deployment)


def may_reopen(actor: User, deployment: Deployment, *, version: int) -> None:
    """Take back what was sent or authorised, before it is active."""
    may_prepare(actor)
    same_agency(actor, deployment)
    if deployment.applicant_id != actor.person_id and not has_grant(actor, deployment, "change"):
        raise (
            nothing_here()
            if not can_read(actor, deployment)
            else Refused(
                "not-yours",
                _("Only %(name)s takes this one back.") % {"name": deployment.applicant.name},
                403,
            )
        )
    if deployment.state not in (Deployment.State.SUBMITTED, Deployment.State.AUTHORISED):
        raise Refused("wrong-state", _("There is nothing to take back: it was not sent, or it is over."), 409)
    same_version(deployment, version)


def may_withdraw(actor: User, deployment: Deployment, *, version: int) -> None:
    """Give up an application that never stood."""
    if deployment.state in (Deployment.State.SUBMITTED, Deployment.State.AUTHORISED):
        may_reopen(actor, deployment, version=version)
        return
    may_edit(actor, deployment)
    same_version(deployment, version)


def may_correct(actor: User, incident: Incident, deployment: Deployment) -> None:
    """Whoever recorded an incident corrects it, while no other application answers to it."""
    if (
        incident.deployment_set.exclude(pk=deployment.pk).exists()
        or incident.recorded_by_id != actor.person_id
    ):
        raise Refused(
            "incident-known",
            _("%(cad)s is recorded already, as %(kind)s, reported %(at)s. Use it so, or check the number.")
            % {
                "cad": incident.cad,
                "kind": incident.get_kind_display(),
                "at": stamp(incident.reported_at),
            },
            409,
        )


def may_take_back(actor: User, consent: Consent) -> None:
    """An owner may tell anybody who works on deployments; stopping needs no approval."""
    require_role(actor, Role.APPLICANT, Role.SUPERVISOR, Role.TECHNICIAN)
    same_agency(actor, consent)
