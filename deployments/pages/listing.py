"""The list of deployments with its filters, and the map beside it."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import audit
from accounts.models import Role
from accounts.policies import require_role
from accounts.selectors import roles_of
from deployments import selectors
from deployments.models import Deployment
from deployments.pages.list_form import FilterForm
from deployments.selectors import overview

ROWS = 200
READERS = (Role.APPLICANT, Role.SUPERVISOR, Role.TECHNICIAN)


def listed_ref(request: HttpRequest, **kwargs: Any) -> audit.Ref:
    """Return what somebody looks at: the deployments of their agency."""
    return audit.Ref("page", "deployments", request.user.person.agency.code)  # type: ignore[union-attr]


@require_safe
@never_cache
@audit.guard("deployment.view", object=listed_ref)
def list_page(request: HttpRequest) -> HttpResponse:
    """Show what this person may see, filtered, as a table."""
    response = render(request, "deployments/list.html", shown := _shown(request))
    response.audit_n = len(shown["rows"])  # type: ignore[attr-defined]
    return response


@require_safe
@never_cache
@audit.guard("deployment.view", object=listed_ref)
def map_page(request: HttpRequest) -> HttpResponse:
    """Show the same on the map; the table stays beside it for who cannot use one."""
    shown = _shown(request)
    response = render(request, "deployments/map.html", shown | {"points": _points(shown["rows"])})
    response.audit_n = len(shown["rows"])  # type: ignore[attr-defined]
    return response


def _shown(request: HttpRequest) -> dict[str, Any]:
    user: Any = request.user
    require_role(user, *READERS)
    visible = selectors.deployments_visible_to(user)
    form = FilterForm(request.GET, agency=user.person.agency)
    rows = list(filtered(visible, form, user)[: ROWS + 1])
    return {
        "form": form,
        "rows": rows[:ROWS],
        "more": len(rows) > ROWS,
        "most": ROWS,
        "query": request.GET.urlencode(),
        "filtering": form.filtering,
        "may_begin": Role.APPLICANT in roles_of(user),
        "oversees": Role.SUPERVISOR in roles_of(user),
        "keeps_facts": bool(roles_of(user) & {Role.APPLICANT, Role.SUPERVISOR}),
    }


def filtered(rows: QuerySet[Deployment], form: forms.Form, user: Any) -> QuerySet[Deployment]:
    """Return the rows that a filter asks for; a filter that makes no sense asks for nothing."""
    asked: dict[str, Any] = form.cleaned_data if form.is_valid() else {}
    if asked.get("state"):
        rows = rows.filter(state=asked["state"])
    if asked.get("unit"):
        rows = rows.filter(unit=asked["unit"])
    if asked.get("trailer"):
        rows = rows.filter(trailer__number=asked["trailer"])
    if asked.get("mine"):
        rows = rows.filter(applicant=user.person)
    for word in asked.get("q", "").split()[:6]:
        rows = rows.filter(_about(word))
    return rows


def _about(word: str) -> Q:
    found = Q(site__icontains=word) | Q(address__icontains=word) | Q(incident__cad__icontains=word)
    digits = word.upper().removeprefix("DEP-").rpartition("-")[2]
    if digits.isascii() and digits.isdecimal() and len(digits) < 8:
        found |= Q(serial=int(digits))
    return found | Q(applicant__name__icontains=word)


def _points(rows: list[Deployment]) -> list[dict[str, Any]]:
    return [
        {
            "name": row.address_name, "site": row.site, "lat": row.lat, "lon": row.lon, "state": row.state,
            "word": row.get_state_display(), "trailer": row.trailer.number,
        }
        for row in rows
        if row.lat is not None
    ]  # fmt: skip


def waiting_for(user: Any) -> int:
    """Return how many wait for this person: own drafts, what they decide on or review, what they install."""
    held, person = roles_of(user), user.person
    wanted = Q(pk__in=[])
    if Role.APPLICANT in held:
        wanted |= Q(applicant=person, state__in=("draft", "returned"))
    if Role.TECHNICIAN in held:
        wanted |= Q(state="authorised")
    found = Deployment.objects.filter(wanted, agency_id=person.agency_id)
    return found.count() + overview.waiting_for(user)
