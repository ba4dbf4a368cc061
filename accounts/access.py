"""The administrator's pages: people, roles, a lost second factor, leaving staff. No content of any kind."""

from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import audit
from accounts import policies, selectors, services
from accounts.forms import AddPersonForm, FilterForm, RolesForm
from accounts.models import Role, User
from csoc.lib.errors import Refused

LIST_LIMIT = 200


def _list_ref(request: HttpRequest, **kwargs: Any) -> audit.Ref:
    return audit.Ref("page", "access", request.user.person.agency.code)


def _person_ref(request: HttpRequest, number: int) -> audit.Ref:
    return audit.Ref("user", f"u-{number}", request.user.person.agency.code)


def _found(request: HttpRequest, number: int) -> User:
    """The person of that number. Errors: Refused 403 for no administrator, 404 for another agency's."""
    policies.require_role(request.user, Role.ADMINISTRATOR)
    user = selectors.people_visible_to(request.user).filter(person__number=number).first()
    if user is None:
        raise Refused("not-found", _("There is no such person here."), 404)
    return user


@require_safe
@never_cache
@audit.guard("user.view", object=_list_ref)
def people(request: HttpRequest) -> HttpResponse:
    """Everybody of the administrator's agency, filtered."""
    policies.require_role(request.user, Role.ADMINISTRATOR)
    form = FilterForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    found = selectors.people_matching(
        request.user, text=asked.get("q", ""), role=asked.get("role", ""), left=asked.get("left", False)
    )
    rows = [_row(user) for user in found[:LIST_LIMIT]]
    total = selectors.people_visible_to(request.user).filter(is_active=True).count()
    return render(
        request,
        "accounts/access.html",
        {"form": form, "rows": rows, "total": total, "asked": any(asked.values()), "limit": LIST_LIMIT},
    )


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("user.create", object=_list_ref, acts=True, shows="user.view")
def add(request: HttpRequest) -> HttpResponse:
    """Add a person with a sign-in; the answer shows the initial password once."""
    policies.require_role(request.user, Role.ADMINISTRATOR)
    form = AddPersonForm(_sent(request), agency=request.user.person.agency)
    if request.method == "POST" and form.is_valid():
        try:
            issued = services.create_user(**form.cleaned_data, actor=request.user)
        except Refused as refused:
            _beside_fields(form, refused)
        else:
            return _issued(request, issued, _("%(name)s can sign in now"))
    return render(request, "accounts/add.html", {"form": form})


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("user.update", object=_person_ref, acts=True, shows="user.view")
def person(request: HttpRequest, number: int) -> HttpResponse:
    """One person: their roles, and what can be done for them."""
    user = _found(request, number)
    form = RolesForm(_sent(request), initial={"roles": list(selectors.roles_of(user))})
    if request.method == "POST" and form.is_valid():
        try:
            services.set_roles(user=user, roles=form.cleaned_data["roles"], actor=request.user)
        except Refused as refused:
            _beside_fields(form, refused)
        else:
            return redirect("access-person", number=number)
    own = user.person_id == request.user.person_id
    return render(request, "accounts/person.html", {"form": form, "own": own, **_row(user)})


@require_POST
@never_cache
@audit.guard("user.second_factor_reset", object=_person_ref, acts=True)
def reset_second_factor(request: HttpRequest, number: int) -> HttpResponse:
    """Reset; the answer shows the new initial password once."""
    issued = services.reset_second_factor(user=_found(request, number), actor=request.user)
    return _issued(request, issued, _("%(name)s sets up a new second factor at the next sign-in"))


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("user.leave", object=_person_ref, acts=True, shows="user.view")
def leave(request: HttpRequest, number: int) -> HttpResponse:
    """Ask once, then end a person's service."""
    user = _found(request, number)
    if request.method == "POST":
        services.leave_staff(user=user, actor=request.user)
        return redirect("access-person", number=number)
    policies.may_manage(request.user, user)
    return render(request, "accounts/leave.html", _row(user))


@require_POST
@never_cache
@audit.guard("user.reinstate", object=_person_ref, acts=True)
def reinstate(request: HttpRequest, number: int) -> HttpResponse:
    """Take a person back; the answer shows the new initial password once."""
    issued = services.reinstate(user=_found(request, number), actor=request.user)
    return _issued(request, issued, _("%(name)s is on staff again, without roles"))


def _row(user: User) -> dict[str, Any]:
    """What the pages show of a person."""
    held = {group.name for group in user.groups.all()}
    return {
        "user_shown": user,
        "shown": user.person,
        "roles": [role.label for role in Role if role in held],
        "factors": {factor.type for factor in user.authenticator_set.all()},
    }


def _sent(request: HttpRequest) -> QueryDict | None:
    """The posted form; a form without a single tick is a form too."""
    return request.POST if request.method == "POST" else None


def _beside_fields(form: Form, refused: Refused) -> None:
    """Put a refusal where the person looks: beside its field, else on top of the form."""
    errors = refused.extra.get("errors") or {"__all__": [refused.sentence]}
    for field, sentences in errors.items():
        for sentence in sentences:
            form.add_error(field if field in form.fields else None, sentence)


def _issued(request: HttpRequest, issued: services.Issued, title: str) -> HttpResponse:
    """The only answer that ever holds a password: never cached, never stored, gone on reload."""
    name = issued.user.person.name
    return render(
        request,
        "accounts/issued.html",
        {"issued": issued, "shown": issued.user.person, "title": title % {"name": name}},
    )
