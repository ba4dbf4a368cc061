"""The area of the service: its outline drawn, taken away and replaced."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

import audit
from csoc.lib.errors import Refused, nothing_here
from deployments import facts_files
from deployments.pages.facts_forms import AreaForm
from deployments.policies import facts as policies
from deployments.selectors import current_area
from deployments.selectors import facts as selectors
from deployments.services import facts as services


def _area_ref(request: HttpRequest, **kwargs: Any) -> audit.Ref:
    code = request.user.person.agency.code
    return audit.Ref("area", code, code)


@require_safe
@never_cache
@audit.guard("area.view", object=_area_ref)
def area(request: HttpRequest) -> HttpResponse:
    """Show the outline."""
    policies.may_read_facts(request.user)
    return _page(request, AreaForm())


@require_POST
@never_cache
@audit.guard("area.set", object=_area_ref, acts=True)
def set_area(request: HttpRequest) -> HttpResponse:
    """Replace the outline by a file, or say what is wrong with it."""
    policies.may_keep_facts(request.user)
    form = AreaForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            services.set_area(actor=request.user, **form.values())
            return redirect("area")
        except Refused as refused:
            if refused.status not in (413, 422):
                raise
            form.refuse(refused)
    return _page(request, form, status=422)


@require_GET
@never_cache
@audit.guard("area.view", object=_area_ref)
def area_file(request: HttpRequest) -> HttpResponse:
    """Hand out the outline as GeoJSON."""
    policies.may_read_facts(request.user)
    found = current_area(request.user.person.agency_id)
    if found is None:
        raise nothing_here()
    response = HttpResponse(facts_files.write_outline(found.ring), content_type="application/geo+json")
    response["Content-Disposition"] = 'attachment; filename="service-area.geojson"'
    return response


def _page(request: HttpRequest, form: AreaForm, *, status: int = 200) -> HttpResponse:
    drawn = selectors.drawn_area(request.user.person.agency_id)
    shown = {"form": form, "drawn": drawn, "keeps": selectors.may_keep(request.user)}
    return render(request, "deployments/area.html", shown, status=status)
