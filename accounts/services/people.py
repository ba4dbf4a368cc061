"""People, their roles, and how a right ends."""

import secrets
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

import audit
from accounts import policies, selectors
from accounts.models import Agency, Person, Role, Unit, User
from csoc.lib import events
from csoc.lib.errors import Refused

# No 0/O, 1/l/I: an initial password is read aloud or copied from paper once.
_PASSWORD_SIGNS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_PASSWORD_LENGTH = 20

Actor = User | audit.Actor


class Issued(NamedTuple):
    """A user and the initial password, which exists in the clear only here."""

    user: User
    password: str


def create_agency(*, code: str, name: str, actor: Actor) -> Agency:
    """Add a police service. Only the set-up program does this, before the first administrator."""
    with transaction.atomic():
        policies.may_manage_people(actor)
        agency = _saved(Agency(code=code, name=name))
        audit.record("user.create", audit.Ref("agency", agency.code, agency.code))
    return agency


def create_unit(*, agency: Agency, code: str, name: str, actor: Actor) -> Unit:
    """Add a unit of an agency."""
    with transaction.atomic():
        policies.may_manage_people(actor)
        unit = _saved(Unit(agency=agency, code=code, name=name))
        audit.record("user.create", audit.Ref("unit", f"{agency.code}/{unit.code}", agency.code))
    return unit


def create_person(*, name: str, badge: str, unit: Unit, actor: Actor) -> Person:
    """Add a person without a sign-in (somebody named in records only).

    Errors: Refused 403 `not-permitted`, 404 for a unit of another agency, 422 `invalid` with `errors`.
    """
    with transaction.atomic():
        _may_add_to(actor, unit)
        person = _new_person(name, badge, unit)
        audit.record("user.create", audit.Ref("person", person.wire_id, unit.agency.code))
    return person


def create_user(
    *, username: str, name: str, badge: str, unit: Unit, roles: Iterable[str] = (), actor: Actor
) -> Issued:
    """Add a person with a sign-in and roles; the initial password must be replaced at the first sign-in.

    Errors: Refused 403 `not-permitted`, 404 for a unit of another agency, 422 `invalid` with `errors`
    as a mapping of field to sentences.
    """
    password = _initial_password()
    wanted = _known_roles(roles)
    with transaction.atomic():
        _lock_administrators()
        _may_add_to(actor, unit)
        policies.roles_go_together(wanted)
        person = _new_person(name, badge, unit)
        user = User(username=username.lower(), person=person, password_initial=True)
        user.set_password(password)
        _saved(user)
        user.groups.set(Group.objects.filter(name__in=wanted))
        audit.record("user.create", selectors.user_ref(user), new={"roles": sorted(wanted)})
        _record_roles("role.grant", user, wanted)
    return Issued(user, password)


def set_roles(*, user: User, roles: Iterable[str], actor: Actor) -> User:
    """Give the user exactly these roles. Taking one away ends every open session and socket of theirs.

    Errors: Refused 403 `not-permitted` or `own-rights`, 404, 409 `last-administrator` or `left-staff`,
    422 `invalid` for roles that do not go together.
    """
    wanted = _known_roles(roles)
    with transaction.atomic():
        user = _locked(user, actor)
        policies.must_be_active(user)
        policies.roles_go_together(wanted)
        held = selectors.roles_of(user)
        given, taken = wanted - held, held - wanted
        if Role.ADMINISTRATOR in taken:
            policies.administrator_remains(user)
        if given or taken:
            user.groups.set(Group.objects.filter(name__in=wanted))
        _record_roles("role.grant", user, given)
        if taken:
            _record_roles("role.revoke", user, taken)
            _end_rights(user)
    return user


def reset_second_factor(*, user: User, actor: Actor) -> Issued:
    """Remove the user's second factors and issue a new initial password.

    The old password stops working as well: whoever knows it could otherwise set up a factor of their
    own before the user does. Errors: as `set_roles`.
    """
    password = _initial_password()
    with transaction.atomic():
        user = _locked(user, actor)
        policies.must_be_active(user)
        user.authenticator_set.all().delete()
        user.give_password(password, initial=True)
        audit.record("user.second_factor_reset", selectors.user_ref(user))
        _end_rights(user)
    return Issued(user, password)


def leave_staff(*, user: User, actor: Actor) -> User:
    """End a person's service: no sign-in, no roles, no factor; their name stays in the records.

    Errors: as `set_roles`.
    """
    with transaction.atomic():
        user = _locked(user, actor)
        policies.must_be_active(user)
        held = selectors.roles_of(user)
        if Role.ADMINISTRATOR in held:
            policies.administrator_remains(user)
        user.groups.clear()
        user.authenticator_set.all().delete()
        user.leave()
        audit.record("user.leave", selectors.user_ref(user), old={"roles": sorted(held)})
        _record_roles("role.revoke", user, held)
        _end_rights(user)
    return user


def reinstate(*, user: User, actor: Actor) -> Issued:
    """Take a person back on staff, without roles, with a new initial password.

    Errors: Refused 403, 404, 409 `on-staff`.
    """
    password = _initial_password()
    with transaction.atomic():
        user = _locked(user, actor)
        if user.is_active:
            raise Refused("on-staff", _("%(name)s is on staff.") % {"name": user.person.name}, 409)
        user.come_back()
        user.give_password(password, initial=True)
        audit.record("user.reinstate", selectors.user_ref(user))
    return Issued(user, password)


def _locked(user: User, actor: Actor) -> User:
    """Lock, re-read, and judge under the lock: two administrators may be removing each other."""
    _lock_administrators()
    fresh = (
        User.objects.select_for_update(of=("self",))
        .select_related("person__agency", "person__unit")
        .get(pk=user.pk)
    )
    policies.may_manage(actor, fresh)
    return fresh


def _lock_administrators() -> None:
    """One change of rights at a time, so that "is there another administrator?" stays true to commit."""
    Group.objects.select_for_update().get(name=Role.ADMINISTRATOR)


def _may_add_to(actor: Actor, unit: Unit) -> None:
    policies.may_manage_people(actor)
    if isinstance(actor, User) and actor.person.agency_id != unit.agency_id:
        raise Refused("not-found", _("There is no such unit here."), 404)


def _new_person(name: str, badge: str, unit: Unit) -> Person:
    if selectors.badge_is_taken(unit.agency_id, badge):
        raise _invalid({"badge": [_("Somebody of this agency already has this badge.")]})
    person: Person = _saved(Person(name=name, badge=badge, agency=unit.agency, unit=unit))
    return person


def _end_rights(user: User) -> None:
    user.end_rights()
    events.emit("user.right_lost", user=user)


def _record_roles(verb: str, user: User, roles: Iterable[str]) -> None:
    """One entry a role, with the role's name as the outcome's code: readable in the line itself."""
    for role in sorted(roles):
        audit.record(verb, selectors.user_ref(user), outcome=audit.Outcome("allowed", code=str(role)))


def _known_roles(roles: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(str(role) for role in roles)
    unknown = wanted - frozenset(Role.values)
    if unknown:
        raise Refused(
            "invalid", _("There is no such role."), 422, errors={"roles": [_("There is no such role.")]}
        )
    return wanted


def _initial_password() -> str:
    return "".join(secrets.choice(_PASSWORD_SIGNS) for _n in range(_PASSWORD_LENGTH))


def _saved(row: Any) -> Any:
    """Validate and save; what the model or a unique constraint refuses becomes sentences beside fields."""
    try:
        row.full_clean()
        with transaction.atomic():
            row.save()
    except ValidationError as error:
        raise _invalid(error.message_dict) from None
    except IntegrityError as error:
        # Somebody else took the badge or username between the check and the insert.
        raise _invalid({"__all__": [_("This was just taken by somebody else. Try another.")]}) from error
    return row


def _invalid(errors: dict[str, list[str]]) -> Refused:
    first = next(iter(errors.values()))[0]
    return Refused(
        "invalid", first, 422, errors={name: [str(one) for one in many] for name, many in errors.items()}
    )
