"""The installation checklist: a technician sets the trailer up, supervisors look on."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

import audit
from accounts.models import Role
from accounts.selectors import has_role
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import installing_words, policies, selectors, services
from deployments.models import Deployment
from deployments.selectors import installing


def named(request: HttpRequest, name: str) -> audit.Ref:
    """Return the deployment of the address, as the log names it."""
    return audit.Ref("deployment", name.partition(".")[0], request.user.person.agency.code)


def trailer_of(request: HttpRequest, name: str) -> audit.Ref:
    """Return the trailer that is asked, as the log names it."""
    found = selectors.visible_by_name(request.user, name)
    return audit.Ref("trailer", found.trailer.name, found.agency.code)


class PointForm(forms.Form):
    """One point by hand; ``value`` is the measured heading, degrees true."""

    item = forms.CharField(max_length=12, widget=forms.HiddenInput)
    value = forms.FloatField(
        label=_("Measured heading, degrees true"), required=False,
        widget=forms.NumberInput(attrs={"step": "0.1", "min": "0", "max": "359.9", "inputmode": "decimal"}),
    )  # fmt: skip


@require_safe
@never_cache
@audit.guard("installation.view", object=named)
def installation(request: HttpRequest, name: str) -> HttpResponse:
    """Show the checklist, with what the trailer tells now while the window is open."""
    return _page(request, _found(request, name))


@require_POST
@never_cache
@audit.guard("installation.open", object=named, acts=True)
def open_window(request: HttpRequest, name: str) -> HttpResponse:
    """Open the window of 30 minutes."""
    return _acted(request, name, services.open_installation)


@require_POST
@never_cache
@audit.guard("installation.check", object=named, acts=True)
def record(request: HttpRequest, name: str) -> HttpResponse:
    """Record one point by hand."""
    found, form = _found(request, name), PointForm(request.POST)
    if not form.is_valid():
        return _page(request, found, fault=_("Give a number of degrees, such as 42 or 42.5."), status=422)
    return _acted(request, name, services.record_point, **form.cleaned_data)


@require_POST
@never_cache
@audit.guard("trailer.command", object=trailer_of, acts=True)
def ask(request: HttpRequest, name: str) -> HttpResponse:
    """Ask the trailer for a test alert."""
    return _acted(request, name, services.ask_for_test_alert, then="?asked=1")


@require_POST
@never_cache
@audit.guard("installation.complete", object=named, acts=True)
def complete(request: HttpRequest, name: str) -> HttpResponse:
    """Record what the trailer tells now, and see what is missing."""
    return _acted(request, name, services.complete_installation)


@require_POST
@never_cache
@audit.guard("deployment.activate", object=named, acts=True)
def activate(request: HttpRequest, name: str) -> HttpResponse:
    """Switch the justified sensors on."""
    return _acted(request, name, services.activate_deployment)


def _found(request: HttpRequest, name: str) -> Deployment:
    found = selectors.visible_by_name(request.user, name)
    policies.may_see_installation(request.user, found)
    return found


def _acted(
    request: HttpRequest, name: str, act: Callable[..., Any], then: str = "", **values: Any
) -> HttpResponse:
    """Do it, or show the page again with why not."""
    found = _found(request, name)
    try:
        act(actor=request.user, deployment_id=found.pk, **values)
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return _page(request, _found(request, name), fault=refused.sentence, status=refused.status)
    answer = redirect("deployment-installation", name=found.address_name)
    answer["Location"] += then
    return answer


def _page(request: HttpRequest, found: Deployment, *, fault: Any = "", status: int = 200) -> HttpResponse:
    now = clock.now()
    window, missing = installing.open_window(found, now), installing.missing(found, now)
    points: list[dict[str, Any]] = [
        {
            "point": point,
            "wanted": installing_words.wanted(point, found),
            "found": installing_words.found(point, found),
            "by_hand": point.item in policies.BY_HAND,
        }
        for point in installing.checklist(found, now)
    ]
    shown = {
        "deployment": found, "window": window, "last": installing.newest_window(found), "points": points,
        "missing": missing, "fault": fault, "now": now, "asked": window and request.GET.get("asked"),
        "technician": has_role(request.user, Role.TECHNICIAN),
        "minutes": window and max(1, round((window.until - now).total_seconds() / 60)),
        "may_activate": found.state == Deployment.State.AUTHORISED and not missing,
        "read_unrecorded": any(
            row["point"].now and row["point"].now.passed and row["point"].item in missing for row in points
        ),
        "point": installing_words.degrees(found),
        "form": PointForm(),
    }  # fmt: skip
    return render(request, "deployments/installation.html", shown, status=status)
