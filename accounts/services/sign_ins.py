"""The sign-ins of a person: a further one, its roles, its second factor, its end.

A second sign-in is no second person: roles, own rights and four eyes are judged over all of them.
"""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import transaction

import audit
from accounts import policies, rights, selectors
from accounts.models import Person, Role, User
from accounts.rights import Actor, Issued


def add_sign_in(*, person: Person, username: str, roles: Iterable[str] = (), actor: Actor) -> Issued:
    """Give a person on staff one more sign-in, with its own initial password, second factor and roles.

    Errors: Refused 403 `not-permitted` or `own-rights`, 404 for another agency's person, 409 `left-staff`,
    422 `invalid` with `errors` for a username that is taken and for roles that do not go together with
    those of any sign-in of theirs.
    """
    wanted = rights.known_roles(roles)
    with transaction.atomic():
        person = rights.locked_person(person, actor)
        policies.must_be_on_staff(person)
        policies.roles_go_together(wanted, beside=selectors.roles_of_person(person))
        issued = rights.new_sign_in(person, username, wanted)
        user = issued.user
        audit.record("user.add_sign_in", selectors.user_ref(user), new=rights.with_roles(user, wanted))
        rights.record_roles("role.grant", user, wanted)
    return issued


def set_roles(*, user: User, roles: Iterable[str], actor: Actor) -> User:
    """Give the user exactly these roles. Taking one away ends every open session and socket of theirs.

    Errors: Refused 403 `not-permitted` or `own-rights`, 404, 409 `last-administrator`, `left-staff` or
    `sign-in-closed`, 422 `invalid` for roles that do not go together, over all the person's sign-ins.
    """
    wanted = rights.known_roles(roles)
    with transaction.atomic():
        user = rights.locked_user(user, actor)
        policies.must_be_open(user)
        beside = selectors.roles_of_person(user.person, apart_from=user)
        policies.roles_go_together(wanted, beside=beside)
        held = selectors.roles_of(user)
        given, taken = wanted - held, held - wanted
        if Role.ADMINISTRATOR in taken:
            policies.administrator_remains(user.person, [user])
        if given or taken:
            user.groups.set(Group.objects.filter(name__in=wanted))
        rights.record_roles("role.grant", user, given)
        if taken:
            rights.record_roles("role.revoke", user, taken)
            rights.end_rights(user)
    return user


def reset_second_factor(*, user: User, actor: Actor) -> Issued:
    """Remove the user's second factors and issue a new initial password.

    The old password stops working as well: whoever knows it could otherwise set up a factor of their
    own before the user does. The person's other sign-ins stay as they are. Errors: as `set_roles`.
    """
    password = rights.initial_password()
    with transaction.atomic():
        user = rights.locked_user(user, actor)
        policies.must_be_open(user)
        user.authenticator_set.all().delete()
        user.give_password(password, initial=True)
        audit.record("user.second_factor_reset", selectors.user_ref(user), new=rights.named(user))
        rights.end_rights(user)
    return Issued(user, password)


def close_sign_in(*, user: User, actor: Actor) -> User:
    """End one sign-in of a person who stays on staff with another one.

    Errors: as `set_roles`, and 409 `last-sign-in`.
    """
    with transaction.atomic():
        user = rights.locked_user(user, actor)
        policies.must_be_open(user)
        policies.another_sign_in_remains(user)
        held = selectors.roles_of(user)
        if Role.ADMINISTRATOR in held:
            policies.administrator_remains(user.person, [user])
        audit.record("user.close_sign_in", selectors.user_ref(user), old=rights.with_roles(user, held))
        rights.close(user)
    return user


def open_sign_in(*, user: User, actor: Actor) -> Issued:
    """Open a closed sign-in of a person on staff again, without roles, with a new initial password.

    Errors: Refused 403 `not-permitted` or `own-rights`, 404, 409 `left-staff` or `sign-in-open`.
    """
    password = rights.initial_password()
    with transaction.atomic():
        user = rights.locked_user(user, actor)
        policies.must_be_on_staff(user.person)
        policies.must_be_closed(user)
        user.open()
        user.give_password(password, initial=True)
        audit.record("user.open_sign_in", selectors.user_ref(user), new=rights.named(user))
    return Issued(user, password)
