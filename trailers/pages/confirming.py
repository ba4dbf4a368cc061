"""Acts on keys ask again who is at the keyboard: the second factor of the last five minutes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts import sessions
from csoc.lib.errors import Refused
from trailers import policies

View = Callable[..., HttpResponse]


def require(request: HttpRequest) -> None:
    """Errors: Refused 403 `step-up`, which `confirming` turns into the way to the code."""
    policies.recently_confirmed(request.user, request.session)


def way(back: str) -> str:
    """Return the address that asks for a code and comes back."""
    return f"{reverse('mfa_reauthenticate')}?{urlencode({'next': back})}"


def shown(request: HttpRequest, back: str) -> dict[str, Any]:
    """Return what a page needs to ask for the code before it shows its form."""
    return {"fresh": sessions.is_fresh(request.session, request.user), "confirm": way(back)}


def confirming(back: str) -> Callable[[View], View]:
    """Send whoever has to confirm first to the page for it, and from there to the page called `back`.

    Stands outside the guard, so that the log has what was denied before anybody is sent anywhere.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def sent(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except Refused as refused:
                if refused.code != "step-up":
                    raise
                return redirect(way(reverse(back, kwargs=kwargs)))

        return sent

    return decorate
