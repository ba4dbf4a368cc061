"""Pages of exports: requests and how far they are, the form, one request with its decision, the file."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.context import current_actor
from audit.entry import Ref
from audit.exports import forms, pages, policies, selectors, services
from audit.exports.sending import Sent
from audit.exports.stepup import confirmed, confirming
from audit.guard import guard
from csoc.lib import clock
from csoc.lib.errors import Refused


def list_ref(request: Any, **kwargs: Any) -> Ref:
    """Return what somebody looks at: the requests of their agency."""
    return Ref("log", "exports", current_actor().agency or "")


def one_ref(request: Any, name: str, **kwargs: Any) -> Ref:
    """Return one export."""
    return Ref("export", name, current_actor().agency or "")


@require_safe
@never_cache
@guard("audit.view", object=list_ref)
def exports_page(request: HttpRequest) -> HttpResponse:
    """Show the agency's requests: those that wait for this person first."""
    policies.may_see(request.user)
    return render(request, "audit/exports.html", pages.listed(request))


@require_http_methods(["GET", "POST"])
@never_cache
@guard("approval.request", object=list_ref, acts=True, shows="audit.view")
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for an export: one kind at a time."""
    policies.may_ask(request.user)
    kind, given = pages.kind_of(request)
    form = forms.AskForm(request.POST if request.method == "POST" else None, kind=kind, initial=given)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.ask_export(actor=request.user, wanted=form.wanted())
        except Refused as refused:
            form.add_error(None, refused.sentence)
        else:
            return redirect("audit-export", name=made.name)
    return render(request, "audit/export_ask.html", pages.asking_page(form))


@require_safe
@never_cache
@guard("audit.view", object=one_ref)
def export_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show one request: what it asks for, who decided, and what can be done now."""
    policies.may_see(request.user)
    return render(
        request, "audit/export.html", pages.one(request, selectors.by_name(name), forms.RefuseForm())
    )


@require_POST
@never_cache
@confirming
@guard("approval.grant", object=one_ref, acts=True)
def approve(request: HttpRequest, name: str) -> HttpResponse:
    """The second person's yes, with their second factor shown just now."""
    policies.may_see(request.user)
    policies.may_decide(request.user, selectors.by_name(name))
    confirmed()
    services.approve_export(actor=request.user, name=name)
    return redirect("audit-export", name=name)


@require_POST
@never_cache
@guard("approval.deny", object=one_ref, acts=True)
def refuse(request: HttpRequest, name: str) -> HttpResponse:
    """The second person's no, with its reason."""
    policies.may_see(request.user)
    form = forms.RefuseForm(request.POST)
    if form.is_valid():
        services.refuse_export(actor=request.user, name=name, **form.cleaned_data)
        return redirect("audit-export", name=name)
    return render(request, "audit/export.html", pages.one(request, selectors.by_name(name), form))


@require_POST
@never_cache
@guard("approval.withdraw", object=one_ref, acts=True)
def withdraw(request: HttpRequest, name: str) -> HttpResponse:
    """Take a request back, or stop its build."""
    services.withdraw_export(actor=request.user, name=name)
    return redirect("audit-export", name=name)


@require_safe
@never_cache
@confirming
@guard("audit.download", object=one_ref, streams=True)
def download(request: HttpRequest, name: str) -> HttpResponseBase:
    """Hand the file out: each time one entry, committed before the first byte leaves."""
    policies.may_ask(request.user)
    found = selectors.by_name(name)
    policies.may_download(request.user, found, clock.now())
    confirmed()
    return Sent(found)
