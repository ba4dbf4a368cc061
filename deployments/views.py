"""The page of one deployment: what it shows depends on how far it is and who looks."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import audit
from deployments import selectors
from deployments.pages import active, looking_over
from deployments.pages.deciding import named


@require_safe
@never_cache
@audit.guard("deployment.view", object=named)
def deployment_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show one deployment. Errors: Refused, with the way to break the glass."""
    user: Any = request.user
    found, glass = selectors.readable_deployment(user, name)
    if found.state == "active" or found.activated_at is not None:
        response = active.show(request, found, glass)
    else:
        template, told = looking_over.page_of(request, found)
        response = render(request, template, told | {"glass": glass})
    response.audit_parent = glass and glass.entry  # type: ignore[attr-defined]
    return response
