"""Deciding on an application: read it, with what changed, and authorise, return or refuse exactly that."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

import audit
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import policies, selectors, services
from deployments.models import Deployment
from deployments.pages.forms import DecisionForm
from deployments.selectors import as_read, deciding


def named(request: HttpRequest, name: str) -> audit.Ref:
    """Return the deployment of the address, as the log names it."""
    return audit.Ref("deployment", name.partition(".")[0], request.user.person.agency.code)


@require_safe
@never_cache
@audit.guard("deployment.view", object=named)
def decide(request: HttpRequest, name: str) -> HttpResponse:
    """Show what was sent, what changed since, and what the decision is bound to."""
    found, glass = selectors.readable_deployment(request.user, name)
    response = _page(request, found, DecisionForm(initial=bound_to(found)))
    response.audit_parent = glass and glass.entry  # type: ignore[attr-defined]
    return response


@require_POST
@never_cache
@audit.guard("deployment.authorise", object=named, acts=True)
def authorise(request: HttpRequest, name: str) -> HttpResponse:
    """Authorise exactly the version and digest that the form carries."""
    return _decided(request, name, services.authorise_deployment)


@require_POST
@never_cache
@audit.guard("deployment.return", object=named, acts=True)
def give_back(request: HttpRequest, name: str) -> HttpResponse:
    """Return it with questions."""
    return _decided(request, name, services.return_deployment)


@require_POST
@never_cache
@audit.guard("deployment.refuse", object=named, acts=True)
def refuse(request: HttpRequest, name: str) -> HttpResponse:
    """Refuse it."""
    return _decided(request, name, services.refuse_deployment)


def _decided(request: HttpRequest, name: str, act: Callable[..., Deployment]) -> HttpResponse:
    """Decide, or show the page again with why not: the reason that was typed stays in its field."""
    found = selectors.visible_by_name(request.user, name)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    try:
        decided = act(actor=request.user, deployment_id=found.pk, **form.cleaned_data)
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        form.refuse(refused)
        now = selectors.visible_by_name(request.user, found.address_name)
        return _page(request, now, form, status=refused.status, read=form.cleaned_data["version"])
    return redirect("deployment-page", name=decided.address_name)


def bound_to(found: Deployment) -> dict[str, Any]:
    """Return what a decision made from this page says it is about."""
    return {"version": found.version, "content_hash": found.content_hash}


def _page(
    request: HttpRequest, found: Deployment, form: DecisionForm, *, status: int = 200, read: int | None = None
) -> HttpResponse:
    return render(request, "deployments/decide.html", context(request, found, form, read), status=status)


def context(
    request: HttpRequest, found: Deployment, form: DecisionForm, read: int | None = None
) -> dict[str, Any]:
    """Return what the page shows; read: the version that an out-of-date form was made from."""
    now = clock.now()
    sent = deciding.submission(found) if found.state == Deployment.State.SUBMITTED else None
    if found.state == Deployment.State.SUBMITTED:
        policies.as_sent(found, sent)
    before = deciding.before(found, sent) if sent else None
    content = sent.content if sent else found.content()
    sections = as_read.read(content, before.content if before else None)
    meanwhile = deciding.difference(found, read) if read is not None and read != found.version else []
    return {
        "deployment": found,
        "owner": deciding.owner_name(found, request.user),
        "sections": sections,
        "changes": deciding.changes(sections) if before else "",
        "since": before.words if before else "",
        "meanwhile": meanwhile,
        "stale": read is not None and read != found.version,
        "conditions": deciding.conditions(request.user, found, now),
        "form": form,
        # The decision is on what this page shows now; what a stale form carried is not sent again.
        "bound": bound_to(found),
        "waiting": found.state == Deployment.State.SUBMITTED,
        "decision": deciding.decision(found),
        "not_you": deciding.refusal(request.user, found),
        "opened_at": now,
    }
