"""Reading deployments."""

import re
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import break_glass
from accounts.models import BreakGlass, User
from accounts.selectors import person_wire
from csoc.lib import clock
from csoc.lib.errors import nothing_here
from deployments import policies
from deployments.models import Deployment
from trailers.models import Trailer

_HOLD = "SELECT 1 FROM deployments_deployment WHERE id = %s AND version = %s FOR SHARE"
_NUMBER = re.compile(r"^DEP-(\d{4})-(\d{4,6})$")
_WHOLE = ("agency", "unit", "trailer", "incident", "risk", "consent", "authorisation", "applicant")


def locked(deployment_id: int) -> Deployment:
    """Return the deployment under a row lock. Errors: Refused ``not-found``.

    The lock comes first and alone: had it to wait, rows joined in the same statement would be those from
    before the wait.
    """
    Deployment.objects.select_for_update().filter(pk=deployment_id).values_list("pk").first()
    found = Deployment.objects.select_related(*_WHOLE).filter(pk=deployment_id).first()
    if found is None:
        raise nothing_here()
    return found


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


def ended_but_active(moment: datetime) -> QuerySet[Deployment]:
    """Active deployments whose term or consent is over: the job ends these with a record."""
    over = (
        Q(ends_at__lte=moment) | Q(consent__expires_at__lte=moment) | Q(consent__withdrawn_at__isnull=False)
    )
    return Deployment.objects.filter(over, state=Deployment.State.ACTIVE).select_related("consent")


def deployments_visible_to(user: User) -> QuerySet[Deployment]:
    """Deployments of the person's own agency, newest first."""
    return (
        Deployment.objects.select_related("trailer", "agency")
        .filter(agency=user.person.agency)
        .order_by("-pk")
    )


def deployment_wire(deployment: Deployment) -> dict[str, Any]:
    """The deployment on the wire."""
    return {
        "id": deployment.name,
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
    number = _NUMBER.match(name)
    if number is None:
        return None
    year, serial = map(int, number.groups())
    return among.filter(year=year, serial=serial).first()


def readable_deployment(user: User, name: str) -> tuple[Deployment, BreakGlass | None]:
    """Return one whole deployment to read, and the break-glass that opens it where the role does not (H16).

    Errors: Refused ``not-permitted`` (with ``break_glass`` where there is a way), ``not-found``.
    """
    found = _by_name(Deployment.objects.select_related(*_WHOLE), name)
    if found is not None and policies.may_read(user, found):
        return found, None
    glass = break_glass.glass_for(user, BreakGlass.Kind.DEPLOYMENT, name) if found is not None else None
    if found is None or glass is None or found.agency_id != user.person.agency_id:
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
        reverse("deployment-page", args=[found.name]), lambda user: policies.may_read(user, found),
    )  # fmt: skip


def whole_wire(deployment: Deployment) -> dict[str, Any]:
    """The deployment with everything that an authorising officer reads."""
    incident, risk, consent = deployment.incident, deployment.risk, deployment.consent
    return deployment_wire(deployment) | {
        "unit": deployment.unit.name,
        "applicant": person_wire(deployment.applicant),
        "incident": incident
        and {"cad": incident.cad, "kind": incident.kind, "reported_at": clock.wire(incident.reported_at)},
        "risk": risk
        and {
            "score": risk.score,
            "threshold": risk.threshold,
            "valid_until": clock.wire(risk.valid_until),
        },
        "need": {"aim": deployment.aim, "alternatives": deployment.alternatives},
        "hotlist_categories": deployment.hotlist_categories,
        "consent": consent
        and {
            "capacity": consent.capacity,
            "expires_at": clock.wire(consent.expires_at),
            "withdrawn_at": clock.wire(consent.withdrawn_at),
        },
    }
