"""The administrator's pages: people, their sign-ins and roles, a lost second factor, leaving staff.

No content of any kind. An address names the person, ``/access/u-1042/``; what is done to one of their
sign-ins names it by its username.
"""

from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import audit
from accounts import policies, selectors, services
from accounts.forms import AddPersonForm, AddSignInForm, FilterForm, RolesForm
from accounts.models import Person, Role, User
from csoc.lib.errors import Refused

LIST_LIMIT = 200


def _list_ref(request: HttpRequest, **kwargs: Any) -> audit.Ref:
    return audit.Ref("page", "access", request.user.person.agency.code)


def _person_ref(request: HttpRequest, number: int, **kwargs: Any) -> audit.Ref:
    return audit.Ref("user", f"u-{number}", request.user.person.agency.code)


def _found(request: HttpRequest, number: int) -> Person:
    """The person of that number. Errors: Refused 403 for no administrator, 404 for another agency's."""
    policies.require_role(request.user, Role.ADMINISTRATOR)
    person = selectors.people_visible_to(request.user).filter(number=number).first()
    if person is None:
        raise Refused("not-found", _("There is no such person here."), 404)
    return person


def _sign_in(request: HttpRequest, number: int, username: str) -> User:
    """One sign-in of that person. Errors: as `_found`; 404 for a sign-in of anybody else."""
    person = _found(request, number)
    for user in person.users.all():
        if user.username == username:
            return user
    raise Refused("not-found", _("This person has no such sign-in."), 404)


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
    rows = [_row(person) for person in found[:LIST_LIMIT]]
    total = selectors.people_visible_to(request.user).filter(active=True).count()
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


@require_safe
@never_cache
@audit.guard("user.view", object=_person_ref)
def person(request: HttpRequest, number: int) -> HttpResponse:
    """One person: their sign-ins with their roles, and what can be done for them."""
    return _page(request, _found(request, number))


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("user.add_sign_in", object=_person_ref, acts=True, shows="user.view")
def add_sign_in(request: HttpRequest, number: int) -> HttpResponse:
    """Give a person another sign-in; the answer shows its initial password once."""
    person = _found(request, number)
    policies.may_manage(request.user, person)
    form = AddSignInForm(_sent(request))
    if request.method == "POST" and form.is_valid():
        try:
            issued = services.add_sign_in(person=person, **form.cleaned_data, actor=request.user)
        except Refused as refused:
            _beside_fields(form, refused)
        else:
            return _issued(request, issued, _("%(name)s has another sign-in"))
    return render(request, "accounts/add_sign_in.html", {"form": form, **_row(person)})


@require_POST
@never_cache
@audit.guard("user.update", object=_person_ref, acts=True, shows="user.view")
def set_roles(request: HttpRequest, number: int, username: str) -> HttpResponse:
    """Give one sign-in exactly the roles that are ticked."""
    user = _sign_in(request, number, username)
    form = _roles_form(user, request.POST)
    if form.is_valid():
        try:
            services.set_roles(user=user, roles=form.cleaned_data["roles"], actor=request.user)
        except Refused as refused:
            _beside_fields(form, refused)
        else:
            return redirect("access-person", number=number)
    return _page(request, user.person, {user.pk: form})


@require_POST
@never_cache
@audit.guard("user.second_factor_reset", object=_person_ref, acts=True)
def reset_second_factor(request: HttpRequest, number: int, username: str) -> HttpResponse:
    """Reset; the answer shows the new initial password once."""
    user = _sign_in(request, number, username)
    issued = services.reset_second_factor(user=user, actor=request.user)
    return _issued(request, issued, _("%(name)s sets up a new second factor at the next sign-in"))


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("user.close_sign_in", object=_person_ref, acts=True, shows="user.view")
def close_sign_in(request: HttpRequest, number: int, username: str) -> HttpResponse:
    """Ask once, then end one sign-in of a person who stays on staff."""
    user = _sign_in(request, number, username)
    if request.method == "POST":
        services.close_sign_in(user=user, actor=request.user)
        return redirect("access-person", number=number)
    policies.may_manage(request.user, user.person)
    return render(request, "accounts/close_sign_in.html", {"user_shown": user, **_row(user.person)})


@require_POST
@never_cache
@audit.guard("user.open_sign_in", object=_person_ref, acts=True)
def open_sign_in(request: HttpRequest, number: int, username: str) -> HttpResponse:
    """Open a closed sign-in again; the answer shows the new initial password once."""
    issued = services.open_sign_in(user=_sign_in(request, number, username), actor=request.user)
    return _issued(request, issued, _("This sign-in of %(name)s is open again, without roles"))


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("user.leave", object=_person_ref, acts=True, shows="user.view")
def leave(request: HttpRequest, number: int) -> HttpResponse:
    """Ask once, then end a person's service."""
    person = _found(request, number)
    if request.method == "POST":
        services.leave_staff(person=person, actor=request.user)
        return redirect("access-person", number=number)
    policies.may_manage(request.user, person)
    return render(request, "accounts/leave.html", _row(person))


@require_POST
@never_cache
@audit.guard("user.reinstate", object=_person_ref, acts=True)
def reinstate(request: HttpRequest, number: int) -> HttpResponse:
    """Take a person back; the answer shows the new initial password once."""
    issued = services.reinstate(person=_found(request, number), actor=request.user)
    return _issued(request, issued, _("%(name)s is on staff again, without roles"))


def _row(person: Person) -> dict[str, Any]:
    """What the pages show of a person: ``sign_ins`` are all of them, open ones first."""
    users = sorted(person.users.all(), key=lambda user: not user.is_active)
    return {"shown": person, "sign_ins": [_shown(user) for user in users]}


def _shown(user: User) -> dict[str, Any]:
    held = {group.name for group in user.groups.all()}
    return {
        "user": user,
        "roles": [role.label for role in Role if role in held],
        "factors": {factor.type for factor in user.authenticator_set.all()},
    }


def _page(request: HttpRequest, person: Person, bound: dict[int, RolesForm] | None = None) -> HttpResponse:
    """The person's page; ``bound``: the form of the sign-in for which something was refused."""
    row = _row(person)
    for one in row["sign_ins"]:
        user = one["user"]
        one["form"] = (bound or {}).get(user.pk) or _roles_form(user)
    open_ones = sum(one["user"].is_active for one in row["sign_ins"])
    own = person.pk == request.user.person_id
    return render(request, "accounts/person.html", row | {"own": own, "several": open_ones > 1})


def _roles_form(user: User, sent: QueryDict | None = None) -> RolesForm:
    held = [group.name for group in user.groups.all()]
    return RolesForm(sent, initial={"roles": held}, auto_id=f"{user.username}_%s")


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
