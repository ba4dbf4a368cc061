"""What people do with a deployment that stands: end it, review it, narrow it, renew it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

import audit
from csoc.lib.errors import Refused
from deployments import selectors, services
from deployments.models import Deployment
from deployments.pages.deciding import named
from deployments.pages.forms import EndForm, ReviewForm, StandingForm, TightenForm
from deployments.selectors import standing


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("deployment.deactivate", object=named, acts=True, shows="deployment.view")
def end(request: HttpRequest, name: str) -> HttpResponse:
    """Ask what for, and end it: one press. Its page then shows what the trailer confirms."""
    found = selectors.visible_by_name(request.user, name)
    form = EndForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        ended = services.deactivate_deployment(
            actor=request.user, deployment_id=found.pk, **form.cleaned_data
        )
        return redirect("deployment-page", name=ended.address_name)
    return _page(request, found, "end", form)


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("deployment.review", object=named, acts=True, shows="deployment.view")
def review(request: HttpRequest, name: str) -> HttpResponse:
    """Say whether it is still needed, and why; "no" ends it."""
    found = selectors.visible_by_name(request.user, name)
    form = ReviewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.review_deployment(actor=request.user, deployment_id=found.pk, **form.cleaned_data)
        except Refused as refused:
            return _again(request, found, "review", form, refused)
        return redirect("deployment-page", name=found.address_name)
    return _page(request, found, "review", form)


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("deployment.tighten", object=named, acts=True, shows="deployment.view")
def tighten(request: HttpRequest, name: str) -> HttpResponse:
    """Narrow it: fewer sensors and lists, an earlier end, more sectors, lower ceilings."""
    found = selectors.visible_by_name(request.user, name)
    form = TightenForm(request.POST or None, deployment=found)
    if request.method == "POST" and form.is_valid():
        try:
            services.tighten_deployment(actor=request.user, deployment_id=found.pk, changes=form.changes())
        except Refused as refused:
            return _again(request, found, "tighten", form, refused)
        return redirect("deployment-page", name=found.address_name)
    return _page(request, found, "tighten", form)


@require_POST
@never_cache
@audit.guard("deployment.create", object=named, acts=True)
def renew(request: HttpRequest, name: str) -> HttpResponse:
    """Begin the application for the next term, and open its task list."""
    found = selectors.visible_by_name(request.user, name)
    try:
        renewal = services.renew_deployment(actor=request.user, deployment_id=found.pk)
    except Refused as refused:
        if refused.code != "renewal-open":
            raise
        return redirect("deployment-page", name=refused.extra["address"])
    return redirect("deployment-page", name=renewal.address_name)


def _again(
    request: HttpRequest, found: Deployment, topic: str, form: StandingForm, refused: Refused
) -> HttpResponse:
    """Show the form again with why not: what was typed stays."""
    if refused.status not in (409, 422):
        raise refused
    form.refuse(refused)
    return _page(request, found, topic, form, refused.status)


def _page(
    request: HttpRequest, found: Deployment, topic: str, form: StandingForm, status: int = 0
) -> HttpResponse:
    told = {"deployment": found, "topic": topic, "form": form, "until": standing.until(found)}
    return render(
        request, "deployments/standing.html", told, status=status or (422 if form.is_bound else 200)
    )
