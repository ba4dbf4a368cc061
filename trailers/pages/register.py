"""Putting a trailer on the register, and changing what the register says of it."""

from __future__ import annotations

from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

import audit
from csoc.lib import clock
from csoc.lib.errors import Refused
from trailers import keylists, policies, services
from trailers.models import DesiredState, Trailer
from trailers.pages.key_forms import TrailerForm
from trailers.selectors import in_force


def page_ref(request: Any, **kwargs: Any) -> audit.Ref:
    """How the log names the register as a whole."""
    return audit.Ref("page", "register", request.user.person.agency.code)


def named(request: Any, name: str, **kwargs: Any) -> audit.Ref:
    """How the log names the trailer of an address."""
    return audit.Ref("trailer", name, request.user.person.agency.code)


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("trailer.create", object=page_ref, acts=True, shows="key.view")
def new(request: HttpRequest) -> HttpResponse:
    """Ask for a trailer's particulars, and go on to its keys."""
    policies.may_register(request.user)
    sent = request.POST if request.method == "POST" else None
    start = {
        "unit": request.user.person.unit_id,
        "capabilities": ["acoustic", "alpr", "ptz", "speaker", "power"],
        "audio_rate_hz": 16_000,
    }
    form = TrailerForm(sent, agency=request.user.person.agency, initial=start)  # type: ignore[union-attr]
    if form.is_valid():
        trailer = _kept(form, services.create_trailer, actor=request.user)
        if trailer is not None:
            return redirect("trailer-keys", name=trailer.name)
    return render(request, "trailers/new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("trailer.update", object=named, acts=True, shows="key.view")
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """Change what may be changed now; what may not is shown with its reason."""
    trailer = keylists.trailer_of(request.user, name)
    policies.may_register(request.user)
    locked, why = _locked(trailer)
    sent = request.POST if request.method == "POST" else None
    form = TrailerForm(sent, agency=trailer.agency, locked=locked, initial=TrailerForm.of(trailer))
    if form.is_valid() and _kept(form, services.change_trailer, trailer=trailer, actor=request.user):
        return redirect("trailer-keys", name=name)
    shown = {"form": form, "trailer": trailer, "why": why, "locked": locked}
    return render(request, "trailers/edit.html", shown, status=422 if form.errors else 200)


def _locked(trailer: Trailer) -> tuple[tuple[str, ...], str]:
    """Return which fields cannot be changed now, and why as a word: "deployed", "enrolled" or ""."""
    if in_force(DesiredState.objects.get(trailer=trailer), clock.now()):
        return ("unit", "mast_m", "heading_deg", "audio_rate_hz", "capabilities"), "deployed"
    return (("audio_rate_hz", "capabilities"), "enrolled") if trailer.keys.exists() else ((), "")


def _kept(form: Form, act: Any, **more: Any) -> Trailer | None:
    """Let the service do it; what it refuses stands above the form, and nothing typed is lost."""
    try:
        trailer: Trailer = act(**form.cleaned_data, **more)
    except Refused as refused:
        form.add_error(None, refused.sentence)
        return None
    return trailer
