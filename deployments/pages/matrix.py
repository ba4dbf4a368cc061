"""The risk matrix: what is in force, what was, what changed; proposing a version and publishing another's."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import audit
from csoc.lib.errors import Refused
from deployments import matrices
from deployments.pages.facts_forms import MatrixFileForm, MatrixForm
from deployments.policies import facts as policies
from deployments.selectors import current_matrix
from deployments.selectors import facts as selectors
from deployments.services import facts as services

#: What the form or the file got wrong; anything else is a refusal of the whole page.
BESIDE = (409, 413, 422)


def _page_ref(request: HttpRequest, **kwargs: Any) -> audit.Ref:
    return audit.Ref("page", "matrix", request.user.person.agency.code)


def _matrix_ref(request: HttpRequest, version: int) -> audit.Ref:
    return audit.Ref("matrix", str(version), request.user.person.agency.code)


@require_safe
@never_cache
@audit.guard("matrix.view", object=_page_ref)
def matrix(request: HttpRequest) -> HttpResponse:
    """Show the version in force, a proposal that waits, and the earlier ones with what they changed."""
    policies.may_read_facts(request.user)
    found = selectors.versions(request.user.person.agency_id)
    shown = {
        "versions": found,
        "in_force": next((one for one in found if one.state == "in_force"), None),
        "proposed": next((one for one in found if one.state == "proposed"), None),
        "keeps": selectors.may_keep(request.user),
    }
    return render(request, "deployments/matrix.html", shown)


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("matrix.propose", object=_page_ref, acts=True, shows="matrix.view")
def propose(request: HttpRequest) -> HttpResponse:
    """Propose the next version, beginning with the one in force or the shipped example."""
    policies.may_keep_facts(request.user)
    if request.method != "POST":
        start = current_matrix(request.user.person.agency_id) or matrices.example()
        return _form_page(request, MatrixForm(start=start), MatrixFileForm())
    return _proposed(request, MatrixForm(request.POST))


@require_POST
@never_cache
@audit.guard("matrix.propose", object=_page_ref, acts=True)
def propose_file(request: HttpRequest) -> HttpResponse:
    """Propose a version that was written as a file."""
    policies.may_keep_facts(request.user)
    return _proposed(request, MatrixFileForm(request.POST, request.FILES))


def _proposed(request: HttpRequest, form: MatrixForm | MatrixFileForm) -> HttpResponse:
    if form.is_valid():
        try:
            services.propose_matrix(actor=request.user, **form.values())
            return redirect("matrix")
        except Refused as refused:
            if refused.status not in BESIDE:
                raise
            form.refuse(refused)
    if isinstance(form, MatrixForm):
        return _form_page(request, form, MatrixFileForm(), status=422)
    start = current_matrix(request.user.person.agency_id) or matrices.example()
    return _form_page(request, MatrixForm(start=start), form, status=422)


def _form_page(
    request: HttpRequest, form: MatrixForm, file: MatrixFileForm, *, status: int = 200
) -> HttpResponse:
    return render(
        request, "deployments/matrix_propose.html", {"form": form, "file_form": file}, status=status
    )


@require_POST
@never_cache
@audit.guard("matrix.publish", object=_matrix_ref, acts=True)
def publish(request: HttpRequest, version: int) -> HttpResponse:
    """Put another supervisor's proposal in force."""
    found = selectors.proposal(request.user, version)
    services.publish_matrix(actor=request.user, matrix_id=found.pk)
    return redirect("matrix")


@require_POST
@never_cache
@audit.guard("matrix.withdraw", object=_matrix_ref, acts=True)
def withdraw(request: HttpRequest, version: int) -> HttpResponse:
    """Withdraw a proposal."""
    found = selectors.proposal(request.user, version)
    services.withdraw_proposal(actor=request.user, matrix_id=found.pk)
    return redirect("matrix")
