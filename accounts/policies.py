"""Who may do what to people. Reads and refuses; never writes."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

import audit
from accounts import selectors, sessions
from accounts.models import Person, Role, User
from csoc.lib.errors import Refused

#: What the first group may never see is what the second works with.
WITHOUT_CONTENT = frozenset({Role.PRIVACY_OFFICER, Role.TECHNICIAN, Role.ADMINISTRATOR})
WITH_CONTENT = frozenset({Role.DISPATCHER, Role.SUPERVISOR, Role.INVESTIGATOR, Role.BAIL_OFFICER})


def require_role(user: Any, *roles: str) -> None:
    """Refuse (403 `not-permitted`) unless the user holds one of `roles`."""
    if selectors.has_role(user, *roles):
        return
    wanted = _(" or ").join(str(Role(role).label) for role in roles)
    raise Refused(
        "not-permitted", _("Only a person with the role %(roles)s may do this.") % {"roles": wanted}
    )


def may_manage_people(actor: User | audit.Actor) -> None:
    """An administrator may. The set-up program may only until there is a first administrator."""
    if isinstance(actor, User):
        require_role(actor, Role.ADMINISTRATOR)
        return
    if actor.kind == "system" and not selectors.active_administrators().exists():
        return
    raise Refused("not-permitted", _("An administrator must do this: one is already at work here."))


def may_manage(actor: User | audit.Actor, person: Person) -> None:
    """As above, for one existing person: never oneself with any sign-in, nobody of another agency (404)."""
    may_manage_people(actor)
    if not isinstance(actor, User):
        return
    if actor.person_id == person.pk:
        raise Refused(
            "own-rights", _("You cannot change your own rights. Ask another administrator to do it.")
        )
    if actor.person.agency_id != person.agency_id:
        raise Refused("not-found", _("There is no such person here."), 404)


def administrator_remains(person: Person, losing: Iterable[User]) -> None:
    """Refuse (409) when these sign-ins of a person are the last that could still give out roles.

    Another sign-in of the same person that stays an administrator is enough. The caller holds the
    administrators' lock.
    """
    if selectors.active_administrators().exclude(pk__in=[user.pk for user in losing]).exists():
        return
    raise Refused(
        "last-administrator",
        _("%(name)s is the last administrator. Make somebody else an administrator first.")
        % {"name": person.name},
        409,
    )


def roles_go_together(roles: frozenset[str], beside: frozenset[str] = frozenset()) -> None:
    """Refuse (422 `invalid`) a role that may never see content beside one that sees it.

    beside: what the person holds with their other sign-ins; a second sign-in is no second person.
    """
    held = roles | beside
    without, with_content = held & WITHOUT_CONTENT, held & WITH_CONTENT
    if not without or not with_content:
        return
    sentence = _("%(one)s never sees content of alerts, %(other)s does: one person cannot be both.") % {
        "one": Role(min(without)).label,
        "other": Role(min(with_content)).label,
    }
    if beside & (without | with_content):
        sentence = _("%(said)s All sign-ins of a person count together.") % {"said": sentence}
    raise Refused("invalid", sentence, 422, errors={"roles": [sentence]})


def must_be_on_staff(person: Person) -> None:
    """Refuse (409) to change the rights of someone who has left staff."""
    if not person.active:
        raise Refused("left-staff", _("%(name)s has left staff.") % {"name": person.name}, 409)


def must_be_open(user: User) -> None:
    """Refuse (409) to change the rights of someone who has left staff, or of a closed sign-in."""
    must_be_on_staff(user.person)
    if not user.is_active:
        raise Refused(
            "sign-in-closed",
            _("The sign-in %(username)s is closed. Open it first.") % {"username": user.username},
            409,
        )


def must_be_closed(user: User) -> None:
    """Refuse (409) to open a sign-in that is open."""
    if user.is_active:
        raise Refused(
            "sign-in-open",
            _("The sign-in %(username)s is open already.") % {"username": user.username},
            409,
        )


def another_sign_in_remains(user: User) -> None:
    """Refuse (409) to close the only open sign-in: whoever stays on staff can sign in."""
    if user.person.users.filter(is_active=True).exclude(pk=user.pk).exists():
        return
    raise Refused(
        "last-sign-in",
        _("%(username)s is the only open sign-in of %(name)s. If they leave staff, record that instead.")
        % {"username": user.username, "name": user.person.name},
        409,
    )


def works_with_content(user: Any) -> bool:
    """Whether the glass may be broken with this sign-in at all.

    Never by a person with a role that may never see content, whichever sign-in of theirs holds it.
    """
    if not selectors.roles_of(user) & (WITH_CONTENT | {Role.APPLICANT}):
        return False
    return not selectors.roles_of_person(user.person) & WITHOUT_CONTENT


def no_glass_for(user: Any) -> str:
    """The sentence that says why this person may not break the glass at all; "" if they may."""
    if works_with_content(user):
        return ""
    return _("A role of yours works without content. Nothing opens it, in no emergency.")


def may_break_glass(actor: Any, login: Any) -> None:
    """Refuse (403 `not-permitted`, `step-up`) unless a role allows it and the second factor is fresh."""
    sentence = no_glass_for(actor)
    if sentence:
        raise Refused("not-permitted", sentence)
    if not sessions.is_fresh(login, actor):
        raise Refused("step-up", _("Confirm first who you are, with a code of your second factor."))
