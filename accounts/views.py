"""Home and one's own account."""

from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import selectors, services, sessions
from accounts.models import Role

#: The first of these that the person may use and that exists is home.
HOMES = (
    ("live", (Role.DISPATCHER, Role.SUPERVISOR)),
    ("deployments-list", (Role.APPLICANT,)),
    ("fleet", (Role.TECHNICIAN,)),
    ("audit", (Role.PRIVACY_OFFICER,)),
    ("access", (Role.ADMINISTRATOR,)),
)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Go to the first page of the person's role; without one, to their own account."""
    held = selectors.roles_of(request.user)
    for name, roles in HOMES:
        if held.isdisjoint(roles):
            continue
        try:
            return HttpResponseRedirect(reverse(name))
        except NoReverseMatch:
            continue
    return redirect("account")


@require_safe
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Name, roles, second factor and sessions of whoever looks."""
    user = request.user
    return render(
        request,
        "accounts/account.html",
        {
            "roles": [role.label for role in Role if role in selectors.roles_of(user)],
            "factor": sessions.second_factor(request.session, user),
            "factors": selectors.second_factor_kinds(user),
            "others": selectors.other_sign_ins(user),
            "sessions": UserSession.objects.purge_and_list(user),
        },
    )


@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign one of one's own sessions out."""
    services.end_session(session_id=session_id, actor=request.user)
    return redirect("account")
