"""With whom a deployment is shared, and with whom it could be."""

from dataclasses import dataclass

from accounts.models import Person, User
from csoc.lib.errors import nothing_here
from deployments.models import Deployment, DeploymentUserPermission
from deployments.policies.sharing import PARTNERS


@dataclass(frozen=True)
class Shared:
    """A person with whom it is shared; ``writes``: they may write at it, too."""

    person: Person
    writes: bool


def shared_with(deployment: Deployment) -> list[Shared]:
    """Return everybody with a grant, by name; each person once, whatever their sign-ins."""
    grants = DeploymentUserPermission.objects.filter(content_object=deployment).select_related(
        "user__person", "permission"
    )
    writes: dict[int, bool] = {}
    people: dict[int, Person] = {}
    for grant in grants:
        person = grant.user.person
        people[person.pk] = person
        writes[person.pk] = writes.get(person.pk, False) or grant.permission.codename == "change_deployment"
    return sorted((Shared(people[pk], writes[pk]) for pk in people), key=lambda one: one.person.name)


def could_share_with(user: User, deployment: Deployment) -> list[Person]:
    """Return whom it may be shared with: applicants and supervisors of the agency who have it not yet."""
    taken = [one.person.pk for one in shared_with(deployment)]
    found = Person.objects.filter(
        agency_id=deployment.agency_id, active=True, users__is_active=True, users__groups__name__in=PARTNERS
    )
    others = found.exclude(pk__in=[*taken, deployment.applicant_id, user.person_id])
    return list(others.select_related("unit").order_by("name", "pk").distinct())


def partner(user: User, wire_id: str) -> Person:
    """Return a person of the user's agency by their id, ``u-1042``. Errors: Refused ``not-found``."""
    number = wire_id.removeprefix("u-")
    found = None
    if wire_id.startswith("u-") and number.isascii() and number.isdecimal() and len(number) < 10:
        found = Person.objects.filter(agency_id=user.person.agency_id, number=int(number)).first()
    if found is None:
        raise nothing_here()
    return found
