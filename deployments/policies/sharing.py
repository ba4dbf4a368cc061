"""Who may let another person see a deployment, and whom."""

from django.utils.translation import gettext as _

from accounts.models import Person, Role, User
from accounts.policies import require_role
from accounts.selectors import roles_of
from csoc.lib.errors import Refused, nothing_here
from deployments.models import Deployment
from deployments.policies.people import can_read, same_agency

#: What guardian calls the two things that can be given.
PERMISSION = {"view": "view_deployment", "change": "change_deployment"}
#: Whose work it may be at all: a grant never makes up for a role.
PARTNERS = (Role.APPLICANT, Role.SUPERVISOR)


def can_share(actor: User, deployment: Deployment) -> bool:
    """Whether this person may share it: who applied for it, or a supervisor of its unit."""
    held = roles_of(actor)
    return (Role.APPLICANT in held and actor.person_id == deployment.applicant_id) or (
        Role.SUPERVISOR in held and actor.person.unit_id == deployment.unit_id
    )


def may_share(actor: User, deployment: Deployment) -> None:
    """Only who applied for it, or a supervisor of its unit, shares it."""
    require_role(actor, *PARTNERS)
    same_agency(actor, deployment)
    if not can_read(actor, deployment):
        raise nothing_here()
    if not can_share(actor, deployment):
        raise Refused(
            "not-yours",
            _("Only %(name)s, or a supervisor of %(unit)s, shares this one. Ask them.")
            % {"name": deployment.applicant.name, "unit": deployment.unit.name},
            403,
        )


def sign_ins_to_share_with(deployment: Deployment, person: Person, act: str) -> list[User]:
    """Return the open sign-ins to which it is granted.

    Errors: Refused ``not-shareable`` (422): another agency, left staff, or no role that a deployment needs.
    """
    roles = (Role.APPLICANT,) if act == "change" else PARTNERS
    found = list(
        User.objects.filter(
            person=person, person__active=True, person__agency_id=deployment.agency_id, is_active=True,
            groups__name__in=roles,
        ).distinct().order_by("pk")
    )  # fmt: skip
    if act not in PERMISSION or not found:
        raise Refused(
            "not-shareable",
            _("It is shared with applicants and supervisors of the same agency; only an applicant writes."),
            422,
            field="person",
        )
    return found


def nothing_shared() -> Refused:
    """Return the refusal of taking back what was not given."""
    return Refused("not-shared", _("It is not shared with this person."), 409)
