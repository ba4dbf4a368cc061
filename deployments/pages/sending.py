"""Begin an application, look it over, send it, take it back, give it up."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import audit
from csoc.lib.errors import Refused
from deployments import policies, selectors, services
from deployments.models import Deployment
from deployments.pages import looking_over
from deployments.pages.deciding import named
from deployments.pages.list_form import NewForm
from deployments.pages.listing import listed_ref
from trailers.selectors import trailers_visible_to


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("deployment.create", object=listed_ref, acts=True, shows="deployment.view")
def new_page(request: HttpRequest) -> HttpResponse:
    """Begin an application: which trailer, and the site's name."""
    user: Any = request.user
    policies.may_prepare(user)
    form = NewForm(request.POST if request.method == "POST" else None, trailers=trailers_visible_to(user))
    if request.method == "POST" and form.is_valid():
        made = services.create_deployment(actor=user, **form.cleaned_data)
        return redirect("deployment-incident", name=made.address_name)
    told = {"form": form, "summary": looking_over.mistakes(form)}
    return render(request, "deployments/new.html", told, status=422 if form.errors else 200)


@require_safe
@never_cache
@audit.guard("deployment.view", object=named)
def check_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show all answers, what is missing, and the button that sends them."""
    user: Any = request.user
    found = selectors.visible_by_name(user, name)
    if not found.editable:
        return render(request, "deployments/closed.html", {"deployment": found}, status=409)
    policies.may_edit(user, found)
    return render(request, "deployments/check.html", looking_over.check(found, request.user))


@require_POST
@never_cache
@audit.guard("deployment.submit", object=named, acts=True)
def send(request: HttpRequest, name: str) -> HttpResponse:
    """Send it: the content is frozen under its hash."""
    user: Any = request.user
    found = selectors.visible_by_name(user, name)
    if not found.editable:
        return render(request, "deployments/closed.html", {"deployment": found}, status=409)
    return _acted(request, found, services.submit_deployment)


@require_POST
@never_cache
@audit.guard("deployment.reopen", object=named, acts=True)
def take_back(request: HttpRequest, name: str) -> HttpResponse:
    """Take it back to edit it; an authorisation is void with that."""
    found = selectors.visible_by_name(request.user, name)  # type: ignore[arg-type]
    return _acted(request, found, services.reopen_deployment)


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("deployment.deactivate", object=named, acts=True, shows="deployment.view")
def withdraw(request: HttpRequest, name: str) -> HttpResponse:
    """Ask once, then give the application up."""
    found = selectors.visible_by_name(request.user, name)  # type: ignore[arg-type]
    if request.method == "POST":
        return _acted(request, found, services.withdraw_application)
    policies.may_withdraw(request.user, found, version=found.version)  # type: ignore[arg-type]
    return render(request, "deployments/withdraw.html", {"deployment": found})


def _acted(request: HttpRequest, found: Deployment, act: Any) -> HttpResponse:
    """Do it on the version that the page carried, or show where it stands with the reason why not."""
    version = request.POST.get("version", "")
    number = int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else 0
    try:
        act(actor=request.user, deployment_id=found.pk, version=number)
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return _not_done(request, found.address_name, refused)
    return redirect("deployment-page", name=found.address_name)


def _not_done(request: HttpRequest, name: str, refused: Refused) -> HttpResponse:
    now = selectors.visible_by_name(request.user, name)  # type: ignore[arg-type]
    if not now.editable:
        told = looking_over.stands(request, now) | {"refused": refused.sentence}
        return render(request, "deployments/waiting.html", told, status=refused.status)
    told = looking_over.check(now, request.user) | {"refused": refused.sentence}
    return render(request, "deployments/check.html", told, status=refused.status)
