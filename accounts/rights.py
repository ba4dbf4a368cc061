"""What every change of people and rights shares: one lock, entries a role, and how a right ends."""

import secrets
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

import audit
from accounts import policies, selectors
from accounts.models import Person, Role, User
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


def lock_administrators() -> None:
    """One change of rights at a time: what was asked of a person's other sign-ins stays true to commit."""
    Group.objects.select_for_update().get(name=Role.ADMINISTRATOR)


def locked_person(person: Person, actor: Actor) -> Person:
    """Lock, re-read, and judge under the lock: two administrators may be removing each other."""
    lock_administrators()
    # no_key: whoever breaks the glass holds the sign-in and then names its person; they must not wait for us.
    found = Person.objects.select_for_update(of=("self",), no_key=True).select_related("agency", "unit")
    fresh: Person = found.get(pk=person.pk)
    policies.may_manage(actor, fresh)
    return fresh


def locked_user(user: User, actor: Actor) -> User:
    """As ``locked_person``, for one sign-in of theirs."""
    person = locked_person(user.person, actor)
    fresh: User = User.objects.select_for_update().get(pk=user.pk, person=person)
    fresh.person = person
    return fresh


def close(user: User) -> None:
    """End one sign-in: no role, no factor, no password, no session. The caller writes why."""
    held = selectors.roles_of(user)
    user.groups.clear()
    user.authenticator_set.all().delete()
    user.close()
    record_roles("role.revoke", user, held)
    end_rights(user)


def end_rights(user: User) -> None:
    """Every session and socket of this sign-in is over; higher apps hear of it in this transaction."""
    user.end_rights()
    events.emit("user.right_lost", user=user)


def named(user: User) -> dict[str, Any]:
    """Which of a person's sign-ins an entry speaks of, sealed beside it: the entry names the person."""
    return {"username": user.username}


def with_roles(user: User, roles: Iterable[str]) -> dict[str, Any]:
    """As ``named``, with the roles it has."""
    return named(user) | {"roles": sorted(str(role) for role in roles)}


def record_roles(verb: str, user: User, roles: Iterable[str]) -> None:
    """One entry a role, with the role's name as the outcome's code: readable in the line itself."""
    for role in sorted(roles):
        outcome = audit.Outcome("allowed", code=str(role))
        audit.record(verb, selectors.user_ref(user), outcome=outcome, new=named(user))


def known_roles(roles: Iterable[str]) -> frozenset[str]:
    """Return them as a set. Errors: Refused 422 `invalid`."""
    wanted = frozenset(str(role) for role in roles)
    unknown = wanted - frozenset(Role.values)
    if unknown:
        raise Refused(
            "invalid", _("There is no such role."), 422, errors={"roles": [_("There is no such role.")]}
        )
    return wanted


def new_sign_in(person: Person, username: str, roles: frozenset[str]) -> Issued:
    """Add a sign-in with an initial password, to be replaced at the first use. The caller writes entries."""
    password = initial_password()
    user = User(username=username.lower(), person=person, password_initial=True)
    user.set_password(password)
    saved(user)
    user.groups.set(Group.objects.filter(name__in=roles))
    return Issued(user, password)


def initial_password() -> str:
    """Return a random password that can be read aloud."""
    return "".join(secrets.choice(_PASSWORD_SIGNS) for _n in range(_PASSWORD_LENGTH))


def saved(row: Any) -> Any:
    """Validate and save; what the model or a unique constraint refuses becomes sentences beside fields."""
    try:
        row.full_clean()
        with transaction.atomic():
            row.save()
    except ValidationError as error:
        raise invalid(error.message_dict) from None
    except IntegrityError as error:
        # Somebody else took the badge or username between the check and the insert.
        raise invalid({"__all__": [_("This was just taken by somebody else. Try another.")]}) from error
    return row


def invalid(errors: dict[str, list[str]]) -> Refused:
    """Return the 422 with sentences by field."""
    first = next(iter(errors.values()))[0]
    return Refused(
        "invalid", first, 422, errors={name: [str(one) for one in many] for name, many in errors.items()}
    )
