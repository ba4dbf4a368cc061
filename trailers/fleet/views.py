"""The fleet's doors. Looking leaves no entry: figures of machines, nothing of an alert or of anybody."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

import audit
from csoc.lib import clock

from .. import policies, selectors, services
from ..models import Trailer
from . import listing


def trailer_ref(request: HttpRequest, name: str, **kwargs: Any) -> audit.Ref:
    """Return the trailer that somebody acts on, as the address names it."""
    return audit.Ref("trailer", name, request.user.person.agency.code)  # type: ignore[union-attr]


@require_safe
@never_cache
def fleet_page(request: HttpRequest) -> HttpResponse:
    """Show how every trailer of the person's agency is, one of them beside the list."""
    policies.may_see_fleet(request.user)
    return render(request, "fleet/list.html", listing.fleet_shown(request.user, request.GET, clock.now()))


@require_safe
@never_cache
def trailer_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show one trailer in full."""
    trailer = _visible(request, name)
    return render(request, "fleet/trailer.html", listing.trailer_shown(request.user, trailer, clock.now()))


@require_POST
@audit.guard("trailer.warning_acknowledge", object=trailer_ref, acts=True)
def take_warning(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """Take on one warning, as it was shown."""
    level = request.POST.get("level", "")
    services.acknowledge_warning(actor=request.user, trailer=_visible(request, name), kind=kind, level=level)
    messages.success(request, _("You took it on. Others see your name beside it."))
    return redirect("fleet-trailer", name=name)


@require_POST
@audit.guard("trailer.command", object=trailer_ref, acts=True)
def ask(request: HttpRequest, name: str) -> HttpResponse:
    """Ask the trailer to test itself, or for a sign of life."""
    what = request.POST.get("what", "")
    services.ask_trailer(actor=request.user, trailer=_visible(request, name), name=what)
    return redirect("fleet-trailer", name=name)


def _visible(request: HttpRequest, name: str) -> Trailer:
    policies.may_see_fleet(request.user)
    return selectors.fleet_trailer(request.user, name)
