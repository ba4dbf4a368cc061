"""People: joining an agency, leaving staff and coming back."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

import audit
from accounts import policies, rights, selectors
from accounts.models import Agency, Person, Role, Unit, User
from accounts.rights import Actor, Issued
from csoc.lib.errors import Refused


def create_agency(*, code: str, name: str, actor: Actor) -> Agency:
    """Add a police service. Only the set-up program does this, before the first administrator."""
    with transaction.atomic():
        policies.may_manage_people(actor)
        agency: Agency = rights.saved(Agency(code=code, name=name))
        audit.record("user.create", audit.Ref("agency", agency.code, agency.code))
    return agency


def create_unit(*, agency: Agency, code: str, name: str, actor: Actor) -> Unit:
    """Add a unit of an agency."""
    with transaction.atomic():
        policies.may_manage_people(actor)
        unit: Unit = rights.saved(Unit(agency=agency, code=code, name=name))
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
    wanted = rights.known_roles(roles)
    with transaction.atomic():
        rights.lock_administrators()
        _may_add_to(actor, unit)
        policies.roles_go_together(wanted)
        issued = rights.new_sign_in(_new_person(name, badge, unit), username, wanted)
        user = issued.user
        audit.record("user.create", selectors.user_ref(user), new=rights.with_roles(user, wanted))
        rights.record_roles("role.grant", user, wanted)
    return issued


def leave_staff(*, person: Person, actor: Actor) -> Person:
    """End a person's service: no sign-in, no roles, no factor; their name stays in the records.

    Errors: Refused 403 `not-permitted` or `own-rights`, 404, 409 `last-administrator` or `left-staff`.
    """
    with transaction.atomic():
        person = rights.locked_person(person, actor)
        policies.must_be_on_staff(person)
        sign_ins = _locked_open_sign_ins(person)
        if Role.ADMINISTRATOR in selectors.roles_of_person(person):
            policies.administrator_remains(person, sign_ins)
        held = [rights.with_roles(user, selectors.roles_of(user)) for user in sign_ins]
        audit.record("user.leave", _ref(person), old={"sign_ins": held})
        for user in sign_ins:
            rights.close(user)
        person.leave()
    return person


def reinstate(*, person: Person, actor: Actor) -> Issued:
    """Take a person back on staff, without roles: their oldest sign-in opens, with a new initial password.

    Others stay closed until they are opened one by one. Errors: Refused 403, 404, 409 `on-staff`.
    """
    password = rights.initial_password()
    with transaction.atomic():
        person = rights.locked_person(person, actor)
        if person.active:
            raise Refused("on-staff", _("%(name)s is on staff.") % {"name": person.name}, 409)
        user = person.users.select_for_update().order_by("pk").first()
        if user is None:
            raise Refused("no-sign-in", _("%(name)s never had a sign-in.") % {"name": person.name}, 409)
        person.come_back()
        user.person = person
        user.open()
        user.give_password(password, initial=True)
        audit.record("user.reinstate", selectors.user_ref(user), new=rights.named(user))
    return Issued(user, password)


def _locked_open_sign_ins(person: Person) -> list[User]:
    found = list(person.users.select_for_update().filter(is_active=True).order_by("pk"))
    for user in found:
        user.person = person
    return found


def _ref(person: Person) -> audit.Ref:
    return audit.Ref("user", person.wire_id, person.agency.code)


def _may_add_to(actor: Actor, unit: Unit) -> None:
    policies.may_manage_people(actor)
    if isinstance(actor, User) and actor.person.agency_id != unit.agency_id:
        raise Refused("not-found", _("There is no such unit here."), 404)


def _new_person(name: str, badge: str, unit: Unit) -> Person:
    if selectors.badge_is_taken(unit.agency_id, badge):
        raise rights.invalid({"badge": [_("Somebody of this agency already has this badge.")]})
    person: Person = rights.saved(Person(name=name, badge=badge, agency=unit.agency, unit=unit))
    return person
