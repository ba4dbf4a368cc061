"""Sharing a deployment with a person, and taking it back."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

import audit
from deployments import selectors
from deployments.pages.deciding import named
from deployments.selectors import sharing
from deployments.services.sharing import share_deployment, unshare_deployment


@require_POST
@never_cache
@audit.guard("deployment.share", object=named, acts=True)
def share(request: HttpRequest, name: str) -> HttpResponse:
    """Let a person of the agency see it, or write at it too."""
    found = selectors.visible_by_name(request.user, name)
    person = sharing.partner(request.user, request.POST.get("person", ""))
    act = "change" if request.POST.get("act") == "change" else "view"
    share_deployment(actor=request.user, deployment_id=found.pk, person=person, act=act)
    return redirect("deployment-page", name=found.address_name)


@require_POST
@never_cache
@audit.guard("deployment.unshare", object=named, acts=True)
def unshare(request: HttpRequest, name: str) -> HttpResponse:
    """Take it back."""
    found = selectors.visible_by_name(request.user, name)
    person = sharing.partner(request.user, request.POST.get("person", ""))
    unshare_deployment(actor=request.user, deployment_id=found.pk, person=person)
    return redirect("deployment-page", name=found.address_name)
