"""The list of sensitive places: search it, take it away, replace it; what lies near a point."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

import audit
from csoc.lib.errors import Refused
from deployments import facts_files
from deployments.pages.facts_forms import NearForm, PlacesForm, SearchForm
from deployments.policies import facts as policies
from deployments.selectors import current_places
from deployments.selectors import facts as selectors
from deployments.services import facts as services


def _page_ref(request: HttpRequest, **kwargs: Any) -> audit.Ref:
    return audit.Ref("page", "places", request.user.person.agency.code)


@require_safe
@never_cache
@audit.guard("places.view", object=_page_ref)
def places(request: HttpRequest) -> HttpResponse:
    """Show the list in force, searched."""
    policies.may_read_facts(request.user)
    form = SearchForm(request.GET)
    shown = selectors.places_page(request.user.person.agency_id, *form.asked())
    keeps = selectors.may_keep(request.user)
    response = render(request, "deployments/places.html", {"form": form, "keeps": keeps, **shown})
    response.audit_n = len(shown["places"])  # type: ignore[attr-defined]
    return response


@require_GET
@never_cache
@audit.guard("places.view", object=_page_ref)
def places_file(request: HttpRequest) -> HttpResponse:
    """Hand out the list in force as CSV."""
    policies.may_read_facts(request.user)
    found = list(selectors.searched(request.user.person.agency_id, "", ""))
    response = HttpResponse(facts_files.write_places(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="sensitive-places.csv"'
    response.audit_n = len(found)  # type: ignore[attr-defined]
    return response


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("places.import", object=_page_ref, acts=True, shows="places.view")
def import_places(request: HttpRequest) -> HttpResponse:
    """Replace the list by a file, or show the lines at fault; a list that shrinks is confirmed."""
    policies.may_keep_facts(request.user)
    if request.method != "POST":
        return _import_page(request, PlacesForm())
    form = PlacesForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            services.import_places(actor=request.user, **form.values())
            return redirect("places")
        except Refused as refused:
            return _not_imported(request, form, refused)
    return _import_page(request, form, status=422)


def _not_imported(request: HttpRequest, form: PlacesForm, refused: Refused) -> HttpResponse:
    if refused.code == "places-shrink":
        again = form.again(refused.extra["after"])
        return _import_page(request, again, status=409, shrinks=refused.extra, sentence=refused.sentence)
    if refused.status not in (409, 413, 422):
        raise refused
    form.refuse(refused)
    return _import_page(request, form, status=422, lines=refused.extra.get("lines"))


def _import_page(request: HttpRequest, form: PlacesForm, *, status: int = 200, **told: Any) -> HttpResponse:
    newest = current_places(request.user.person.agency_id)
    shown = {"form": form, "newest": newest, "kinds": selectors.kinds(), **told}
    return render(request, "deployments/places_import.html", shown, status=status)


@require_GET
@never_cache
@audit.guard("places.view", object=_page_ref)
def places_near(request: HttpRequest) -> HttpResponse:
    """Say whether a point lies in the area, and which places lie within 500 m of it, as JSON."""
    policies.may_look_around(request.user)
    form = NearForm(request.GET)
    if not form.is_valid():
        raise Refused("schema", _("Give lat and lon in degrees, like 43.6595 and -79.6690."), 422)
    return JsonResponse(selectors.around(request.user.person.agency_id, **form.cleaned_data))
