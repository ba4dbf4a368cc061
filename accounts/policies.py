"""Who may do what to people. Reads and refuses; never writes."""

from typing import Any

from django.utils.translation import gettext as _

import audit
from accounts import selectors
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
