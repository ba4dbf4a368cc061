"""Template context about the person who looks, and what stands open by break-glass."""

from typing import Any

from django.http import HttpRequest

from accounts import break_glass, policies, selectors
from accounts.models import Role
from csoc.lib import clock

#: Who is shown, on every page, that somebody broke the glass. Dispatchers see it on the board.
TOLD = frozenset({Role.SUPERVISOR, Role.PRIVACY_OFFICER})


def person(request: HttpRequest) -> dict[str, Any]:
    """`role_label`: the person's roles as words, "" before sign-in. `broken_glass`: see `_glass`."""
    user: Any = getattr(request, "user", None)
    held = selectors.roles_of(user)
    label = ", ".join(str(role.label) for role in Role if role in held)
    return {"role_label": label, "broken_glass": _glass(user, held)}


def _glass(user: Any, held: frozenset[str]) -> dict[str, Any]:
    """`may`: whether this person could break it. `own`: what they have open. `others`: what they are told."""
    may = policies.works_with_content(user)
    if not may and not held & TOLD:
        return {"may": False, "own": [], "others": []}
    standing = list(selectors.glass_of_agency(user.person.agency_id, clock.now()))
    own = [one for one in standing if one.user_id == user.pk]
    others = [one for one in standing if one.user_id != user.pk] if held & TOLD else []
    return {"may": may, "own": break_glass.standing(own), "others": others}
