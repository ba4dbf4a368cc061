"""A deployment that stands, or stood: the page, and what its trailer confirms while somebody looks."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Role
from accounts.selectors import roles_of
from csoc.lib import clock
from deployments import reporting, selectors
from deployments.lists import list_name
from deployments.models import Deployment
from deployments.pages.forms import EndForm
from deployments.policies.sharing import can_share
from deployments.policies.standing import is_own
from deployments.selectors import as_read, deciding, sharing, standing

ACTIVE, DEACTIVATED = Deployment.State.ACTIVE, Deployment.State.DEACTIVATED


def show(request: HttpRequest, found: Deployment, glass: Any = None) -> HttpResponse:
    """Return the page of one that is active, or was; the door that calls it keeps the entry."""
    return render(request, "deployments/active.html", context(request, found) | {"glass": glass})


def context(request: HttpRequest, found: Deployment) -> dict[str, Any]:
    """Return what the page shows and what this person may do with it."""
    now, until = clock.now(), standing.until(found)
    shares = can_share(request.user, found)
    return {
        "deployment": found,
        "stands": found.state == ACTIVE,
        "over": found.state == ACTIVE and until is not None and until <= now,
        "until": until,
        "left": standing.left(until - now) if until else "",
        "left_s": max(0, int((until - now).total_seconds())) if until else 0,
        "sensors": standing.sensors(found),
        "lists": [list_name(name) for name in found.hotlist_categories],
        "numbers": reporting.numbers([found.pk])[found.pk],
        "story": standing.story(found),
        "review_overdue": bool(found.review_due_at and found.review_due_at <= now),
        "deleted_by": standing.deleted_by(found),
        "deleted": (standing.deleted_by(found) or now) < now,
        "shared": sharing.shared_with(found),
        "could_share": sharing.could_share_with(request.user, found) if shares else [],
        "can_share": shares,
        "sections": as_read.read(found.content()),
        "end_form": EndForm(),
    } | standing.consent_facts(found, now, request.user) | _may(request, found)  # fmt: skip


def _may(request: HttpRequest, found: Deployment) -> dict[str, Any]:
    """Return which acts this person's roles include; each service judges again."""
    held = roles_of(request.user)
    works = bool(held & {Role.APPLICANT, Role.SUPERVISOR, Role.TECHNICIAN})
    stands = found.state == ACTIVE
    own = is_own(request.user, found)
    return {
        "may_end": works and stands,
        "may_tighten": works and stands,
        "may_review": Role.SUPERVISOR in held and stands and not own,
        "may_renew": Role.APPLICANT in held and stands,
        "reviewers": ", ".join(deciding.officers(found)) if stands and own else "",
    }


@require_safe
@never_cache
def confirmation(request: HttpRequest, name: str) -> JsonResponse:
    """Return when each sensor confirmed that it is off: nothing else of the deployment."""
    found = selectors.visible_by_name(request.user, name)
    told = [{"sensor": sensor.key, "off_at": clock.wire(sensor.off_at)} for sensor in standing.sensors(found)]
    return JsonResponse({"sensors": told, "done": all(one["off_at"] for one in told)})
