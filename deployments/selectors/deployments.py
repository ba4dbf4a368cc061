"""Reading deployments."""

import re
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import break_glass
from accounts.models import BreakGlass, Role, User
from accounts.selectors import person_wire, roles_of
from csoc.lib import clock
from csoc.lib.errors import nothing_here
from deployments import policies
from deployments.models import Consent, Deployment
from deployments.selectors.grants import granted_ids
from trailers.models import Trailer

_HOLD = "SELECT 1 FROM deployments_deployment WHERE id = %s AND version = %s FOR SHARE"
#: One way to write each number: the log finds a deployment by the name that it has.
_NUMBER = re.compile(r"DEP-([0-9]{4})-(0[0-9]{3}|[1-9][0-9]{3,5})(?:\.([1-9][0-9]{0,2}))?")
_LISTED = ("agency", "unit", "trailer", "incident", "risk", "consent", "applicant")
_WHOLE = (*_LISTED, "authorisation__officer", "risk__matrix", "renews", "deactivated_by")


def locked(deployment_id: int) -> Deployment:
    """Return the deployment under a row lock, and with it the term before it. Errors: Refused ``not-found``.

    The lock comes first and alone: had it to wait, rows joined in the same statement would be those from
    before the wait. Older terms first, so that nobody waits in a ring.
    """
    before = Deployment.objects.filter(pk=deployment_id).values_list("renews_id", flat=True).first()
    list(_locked([deployment_id, before]).values_list("pk", flat=True))
    found = Deployment.objects.select_related(*_WHOLE).filter(pk=deployment_id).first()
    if found is None:
        raise nothing_here()
    return found


def of_same_property(consent: Consent) -> QuerySet[Deployment]:
    """Every term of every number that ever named this consent, or whose owner gave it by the link.

    An owner who says no means the property: a later term may stand on another paper of theirs.
    """
    same = Deployment.objects.filter(year=OuterRef("year"), serial=OuterRef("serial"))
    named = same.filter(Q(consent=consent) | Q(consent_requests__consent=consent))
    return Deployment.objects.filter(Exists(named))


def lock_standing_on(consent: Consent) -> list[int]:
    """Lock the property's deployments, oldest first; return those that stand. Deployment before consent.

    All terms in the one order: ``locked`` will ask for the term before, and an act that holds it would
    wait for us while we wait for it.
    """
    list(of_same_property(consent).select_for_update().order_by("pk").values_list("pk", flat=True))
    stands = of_same_property(consent).filter(state__in=("authorised", "active"))
    return list(stands.order_by("pk").values_list("pk", flat=True))


def _locked(ids: Any) -> QuerySet[Deployment]:
    return Deployment.objects.select_for_update().filter(pk__in=ids).order_by("pk")


def active_deployment(trailer: Trailer, at: datetime) -> Deployment | None:
    """Return the deployment under which ``trailer`` may sense at ``at``, or None.

    Expiry of the term and of the consent is judged here, so it works when no job runs.
    """
    found = (
        Deployment.objects.select_related("consent", "agency", "unit")
        .filter(trailer=trailer, state=Deployment.State.ACTIVE)
        .first()
    )
    return found if found is not None and found.in_force_at(at) else None


def active_deployment_locked(trailer: Trailer, at: datetime) -> Deployment | None:
    """As ``active_deployment``, holding the row shared until the caller commits.

    An end that comes at the same moment waits for the alert, or the alert sees the end: never both.
    """
    found = active_deployment(trailer, at)
    if found is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [found.pk, found.version])
        return found if cursor.fetchone() else None


def ended_but_standing(moment: datetime) -> QuerySet[Deployment]:
    """Authorised and active ones whose term or consent is over: the job ends these with a record."""
    over = (
        Q(ends_at__lte=moment) | Q(consent__expires_at__lte=moment) | Q(consent__withdrawn_at__isnull=False)
    )
    return Deployment.objects.filter(over, state__in=("authorised", "active")).select_related("consent")


def deployments_visible_to(user: User) -> QuerySet[Deployment]:
    """The deployments this person may list, newest first; one query whatever the number of grants.

    A supervisor: what was sent in the agency. An applicant: the own unit's. A technician: what is to be
    installed or stands. Everybody: what was granted to them (``policies.can_read`` says the same of one).
    """
    held, person = roles_of(user), user.person
    found = Deployment.objects.select_related(*_LISTED).filter(agency=person.agency)
    if not held & {Role.APPLICANT, Role.SUPERVISOR, Role.TECHNICIAN}:
        return found.none()
    may = Q(pk__in=granted_ids(user)) if held & {Role.APPLICANT, Role.SUPERVISOR} else Q(pk__in=[])
    if Role.SUPERVISOR in held:
        may |= ~Q(state="draft")
    if Role.APPLICANT in held:
        may |= Q(unit=person.unit) | Q(applicant=person)
    if Role.TECHNICIAN in held:
        may |= Q(state__in=("authorised", "active")) | Q(deactivated_by=person)
    return found.filter(may).order_by("-year", "-serial", "-term")


def deployment_wire(deployment: Deployment) -> dict[str, Any]:
    """The deployment on the wire."""
    return {
        "id": deployment.name,
        "term": deployment.term,
        "version": deployment.version,
        "state": deployment.state,
        "trailer": deployment.trailer.name,
        "site": deployment.site,
        "lat": deployment.lat,
        "lon": deployment.lon,
        "modules": deployment.modules,
        "starts_at": clock.wire(deployment.starts_at),
        "ends_at": clock.wire(deployment.ends_at),
        "content_hash": deployment.content_hash,
        "deactivated_at": clock.wire(deployment.deactivated_at),
        "deactivation_reason": deployment.deactivation_reason or None,
    }


def visible_by_name(user: User, name: str) -> Deployment:
    """Return one deployment by its number. Errors: Refused ``not-found`` (also for other agencies)."""
    found = _by_name(deployments_visible_to(user), name)
    if found is None:
        raise nothing_here()
    return found


def _by_name(among: QuerySet[Deployment], name: str) -> Deployment | None:
    """A number with a term is exactly that one; alone it is the term in force, else the newest."""
    number = _NUMBER.fullmatch(name)
    if number is None:
        return None
    year, serial, term = number.groups()
    terms = among.filter(year=int(year), serial=int(serial))
    if term is not None:
        return terms.filter(term=int(term)).first()
    return terms.filter(state="active").first() or terms.order_by("-term").first()


def readable_deployment(user: User, name: str) -> tuple[Deployment, BreakGlass | None]:
    """Return one whole deployment to read, and the break-glass that opens it where the role does not (H16).

    Errors: Refused ``not-permitted`` (with ``break_glass`` where there is a way), ``not-found``.
    """
    found = _by_name(Deployment.objects.select_related(*_WHOLE), name)
    if found is not None and policies.can_read(user, found):
        return found, None
    if found is None or found.agency_id != user.person.agency_id:
        raise nothing_here()
    glass = break_glass.glass_for(user, BreakGlass.Kind.DEPLOYMENT, name)
    if glass is None:
        sentence = _("Only a supervisor, or an applicant of its own unit, reads a deployment.")
        raise break_glass.refusal(user, BreakGlass.Kind.DEPLOYMENT, name, sentence)
    return found, glass


def thing_of(name: str) -> break_glass.Thing | None:
    """Return a deployment as what a break-glass may open; None when there is none of that number."""
    found = _by_name(Deployment.objects.select_related("agency"), name)
    if found is None:
        return None
    return break_glass.Thing(
        BreakGlass.Kind.DEPLOYMENT, found.name, found.agency_id, found.agency.code,
        reverse("deployment-page", args=[found.name]), lambda user: policies.can_read(user, found),
    )  # fmt: skip


def whole_wire(deployment: Deployment) -> dict[str, Any]:
    """The deployment with everything that an authorising officer reads; never who the owner is."""
    content = deployment.content()
    place = content["place"] | {"heading_deg": deployment.heading_deg}
    given = deployment.authorisation
    return deployment_wire(deployment) | {
        "address": deployment.address_name,
        "unit": deployment.unit.name,
        "applicant": person_wire(deployment.applicant),
        "incident": content["incident"],
        "risk": _only(content["risk"], ("score", "threshold", "valid_until", "factors")),
        "need": _only(content["need"], ("aim", "alternatives", "justifications", "review_every_days")),
        "hotlist_categories": deployment.hotlist_categories,
        "place": {key: value for key, value in place.items() if key not in ("site", "lat", "lon")},
        "consent": _consent_wire(deployment.consent),
        "privacy": _only(content["privacy"], ("signage", "notice", "retention_class")),
        "authorised_by": person_wire(given.officer) if given else None,
        "authorised_at": clock.wire(given.authorised_at) if given else None,
        "activated_at": clock.wire(deployment.activated_at),
        "review_due_at": clock.wire(deployment.review_due_at),
    }


def _only(part: dict[str, Any] | None, names: tuple[str, ...]) -> dict[str, Any] | None:
    return part and {name: part[name] for name in names}


def _consent_wire(consent: Consent | None) -> dict[str, Any] | None:
    return (
        None
        if consent is None
        else {
            "capacity": consent.capacity,
            "method": consent.method,
            "modules": consent.modules,
            "conditions": consent.conditions,
            "expires_at": clock.wire(consent.expires_at),
            "withdrawn_at": clock.wire(consent.withdrawn_at),
        }
    )
