"""Pages of deployments."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

import audit
from deployments import selectors


def _named(request: HttpRequest, name: str) -> audit.Ref:
    return audit.Ref("deployment", name, request.user.person.agency.code)


@require_GET
@never_cache
@audit.guard("deployment.view", object=_named)
def deployment_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show one deployment to read. Errors: Refused, with the way to break the glass."""
    found, glass = selectors.readable_deployment(request.user, name)
    response = render(request, "deployments/deployment.html", {"deployment": found, "glass": glass})
    response.audit_parent = glass and glass.entry  # type: ignore[attr-defined]
    return response
