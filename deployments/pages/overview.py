"""The supervisors' overview: what is due, what waits, what does not earn its place."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import audit
from accounts.models import Role
from accounts.policies import require_role
from csoc.lib import clock
from deployments.selectors.overview import ENOUGH, overview


def _all(request: HttpRequest) -> audit.Ref:
    return audit.Ref("page", "deployments", request.user.person.agency.code)


@require_safe
@never_cache
@audit.guard("deployment.overview", object=_all)
def page(request: HttpRequest) -> HttpResponse:
    """Show the agency's standing deployments by what they need."""
    require_role(request.user, Role.SUPERVISOR)
    told = {"overview": overview(request.user), "enough": ENOUGH, "now": clock.now()}
    return render(request, "deployments/overview.html", told)
