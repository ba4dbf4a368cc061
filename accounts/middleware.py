"""Between a session and every view: is it still good, who acts, and has it a second factor.

Order in settings: after authentication and django-allauth, AuthEpoch, then Actor, then SecondFactor.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

import audit
from accounts import openings, selectors, sessions
from accounts.sessions import Standing
from csoc.lib import problems
from csoc.lib.ids import uuid7

GetResponse = Callable[[HttpRequest], HttpResponse]


class AuthEpochMiddleware:
    """A session from before a right was taken away ends here, at its next request (H15)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if sessions.standing(request.session, request.user) is not Standing.SIGNED_OUT:
            return self.get_response(request)
        request.sign_out_code = "right-lost"  # type: ignore[attr-defined]
        with transaction.atomic():
            logout(request)
        return _to_sign_in(request)


class ActorMiddleware:
    """Everything inside a request is done by somebody: its person, or nobody yet at this address.

    All entries of one request carry the same id.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        actor = (
            selectors.actor_of(user, request) if user.is_authenticated else selectors.anonymous_actor(request)
        )
        with audit.acting_as(actor, req=str(uuid7())):
            return self.get_response(request)


class SecondFactorMiddleware:
    """Deny by default: every view needs a full sign-in unless openings.py names it with a reason."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        name = request.resolver_match.view_name if request.resolver_match else ""
        match sessions.standing(request.session, request.user):
            case Standing.FULL:
                return None
            case Standing.ANONYMOUS | Standing.SIGNED_OUT:
                judged_there = request.path.startswith(tuple(openings.OPEN_PREFIXES))
                return None if judged_there or name in openings.OPEN else _to_sign_in(request)
            case Standing.SECOND_FACTOR_REQUIRED:
                return None if name in openings.SET_UP else _to_second_factor(request)
            case Standing.PASSWORD_CHANGE_REQUIRED:
                return None if name in openings.SET_UP else _to_password(request)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    sentence = _("Sign in first.")
    if hasattr(request, "sign_out_code"):
        sentence = _("You were signed out because your rights changed. Sign in again.")
    if problems.wants_json(request):
        return problems.problem("signed-out", sentence, 401)
    back = {"next": request.get_full_path()} if request.method == "GET" else {}
    ended = {"ended": "1"} if hasattr(request, "sign_out_code") else {}
    query = urlencode(back | ended)
    return HttpResponseRedirect(reverse("account_login") + (f"?{query}" if query else ""))


def _to_second_factor(request: HttpRequest) -> HttpResponse:
    if problems.wants_json(request):
        sentence = _("Set up or show your second factor first.")
        return problems.problem("second-factor-required", sentence, 403)
    known = "totp" in selectors.second_factor_kinds(request.user)  # type: ignore[arg-type]
    return HttpResponseRedirect(reverse("mfa_reauthenticate" if known else "mfa_activate_totp"))


def _to_password(request: HttpRequest) -> HttpResponse:
    if problems.wants_json(request):
        sentence = _("Replace your initial password first.")
        return problems.problem("password-change-required", sentence, 403)
    return HttpResponseRedirect(reverse("account_change_password"))
