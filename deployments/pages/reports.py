"""The report of a deployment, to read and to take along."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import audit
from deployments import printing, selectors
from deployments.pages.deciding import named
from deployments.selectors.reports import report


@require_safe
@never_cache
@audit.guard("deployment.report", object=named)
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the report."""
    found = selectors.visible_by_name(request.user, name)
    return render(request, "deployments/report.html", {"deployment": found, "report": report(found)})


@require_safe
@never_cache
@audit.guard("deployment.report", object=named)
def pdf(request: HttpRequest, name: str) -> HttpResponse:
    """Hand the same report out as a PDF; each copy is an entry."""
    found = selectors.visible_by_name(request.user, name)
    told = report(found)
    response = HttpResponse(printing.pdf(told), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{told.name}-report.pdf"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
