"""Who may do what to people. Reads and refuses; never writes."""

from typing import Any

from django.utils.translation import gettext as _

import audit
from accounts import selectors, sessions
from accounts.models import Role, User
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


def may_manage(actor: User | audit.Actor, user: User) -> None:
    """As above, for one existing person: never oneself, and nobody of another agency (404)."""
    may_manage_people(actor)
    if not isinstance(actor, User):
        return
    if actor.person_id == user.person_id:
        raise Refused(
            "own-rights", _("You cannot change your own rights. Ask another administrator to do it.")
        )
    if actor.person.agency_id != user.person.agency_id:
        raise Refused("not-found", _("There is no such person here."), 404)


def administrator_remains(losing: User) -> None:
    """Refuse (409) to take the last administrator's role. The caller holds the administrators' lock."""
    if selectors.active_administrators().exclude(pk=losing.pk).exists():
        return
    raise Refused(
        "last-administrator",
        _("%(name)s is the last administrator. Make somebody else an administrator first.")
        % {"name": losing.person.name},
        409,
    )


def roles_go_together(roles: frozenset[str]) -> None:
    """Refuse (422 `invalid`) a role that may never see content beside one that sees it."""
    without, with_content = roles & WITHOUT_CONTENT, roles & WITH_CONTENT
    if without and with_content:
        one, other = Role(min(without)).label, Role(min(with_content)).label
        sentence = _("%(one)s never sees content of alerts, %(other)s does: one person cannot be both.") % {
            "one": one,
            "other": other,
        }
        raise Refused("invalid", sentence, 422, errors={"roles": [sentence]})


def must_be_active(user: User) -> None:
    """Refuse (409) to change the rights of someone who has left staff."""
    if not user.is_active:
        raise Refused("left-staff", _("%(name)s has left staff.") % {"name": user.person.name}, 409)


def works_with_content(user: Any) -> bool:
    """Whether the glass may be broken for this person at all: never for a role that may never see content."""
    held = selectors.roles_of(user)
    return bool(held & (WITH_CONTENT | {Role.APPLICANT})) and not held & WITHOUT_CONTENT


def no_glass_for(user: Any) -> str:
    """The sentence that says why this person may not break the glass at all; "" if they may."""
    if works_with_content(user):
        return ""
    return _("Your role works without content. Nothing opens it, in no emergency.")


def may_break_glass(actor: Any, login: Any) -> None:
    """Refuse (403 `not-permitted`, `step-up`) unless a role allows it and the second factor is fresh."""
    sentence = no_glass_for(actor)
    if sentence:
        raise Refused("not-permitted", sentence)
    if not sessions.is_fresh(login, actor):
        raise Refused("step-up", _("Confirm first who you are, with a code of your second factor."))
