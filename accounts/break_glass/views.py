"""The pages of breaking the glass: what happens next, the form, and what one has open."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

import audit
from accounts import break_glass, policies, selectors, services, sessions
from accounts.forms import BreakGlassForm
from csoc.lib import clock
from csoc.lib.errors import Refused

#: Which field a refusal belongs to; the others stand above the form.
_BESIDE = {"schema": "words", "not-found": "what", "not-needed": "what", "already-open": "what"}


def _asked(request: Any, **kwargs: Any) -> audit.Ref:
    """What is asked for, as far as it can be told from the form."""
    kind, target = break_glass.kind_of(request.POST.get("what", ""))
    return audit.Ref(kind or "page", target or "break-glass", request.user.person.agency.code)


def own_ref(request: Any, glass_id: UUID) -> audit.Ref:
    """One's own break-glass, by its id: a denied end names nothing else."""
    return audit.Ref("break_glass", str(glass_id), request.user.person.agency.code)


@require_safe
@never_cache
def glass_page(request: HttpRequest) -> HttpResponse:
    """What is open to this person, and the form to open one thing more."""
    _require_role(request)
    form = BreakGlassForm(initial={"what": request.GET.get("what", "")[:60]})
    return render(request, "accounts/break_glass.html", _page(request, form))


@require_POST
@never_cache
@audit.guard("access.break_glass", object=_asked, acts=True)
def open_glass(request: HttpRequest) -> HttpResponse:
    """Break it, then go and read; what was refused stands beside its field, and nothing typed is lost."""
    _require_role(request)
    form = BreakGlassForm(request.POST)
    if not form.is_valid():
        return render(request, "accounts/break_glass.html", _page(request, form), status=422)
    given = form.cleaned_data
    kind, target = given.pop("what")
    try:
        services.break_glass(actor=request.user, login=request.session, kind=kind, target=target, **given)
    except Refused as refused:
        form.add_error(_BESIDE.get(refused.code), refused.sentence)
        return render(request, "accounts/break_glass.html", _page(request, form), status=refused.status)
    return redirect(break_glass.page_of(kind, target))


@require_POST
@never_cache
@audit.guard("access.break_glass_end", object=own_ref, acts=True)
def end_glass(request: HttpRequest, glass_id: UUID) -> HttpResponse:
    """End it now."""
    services.end_break_glass(actor=request.user, glass_id=glass_id)
    return redirect("break-glass")


def _require_role(request: HttpRequest) -> None:
    """Refuse (403) whom no role lets break the glass, before anything they typed is looked at."""
    sentence = policies.no_glass_for(request.user)
    if sentence:
        raise Refused("not-permitted", sentence, 403)


def _page(request: HttpRequest, form: BreakGlassForm) -> dict[str, Any]:
    user: Any = request.user
    back = f"{reverse('break-glass')}?{urlencode({'what': form['what'].value() or ''})}"
    return {
        # They stand in the list below, so the banner need not say them again.
        "glass_listed": True,
        "form": form,
        "own": break_glass.standing(selectors.glass_of(user, clock.now())),
        "fresh": sessions.is_fresh(request.session, user),
        "confirm": f"{reverse('mfa_reauthenticate')}?{urlencode({'next': back})}",
    }
