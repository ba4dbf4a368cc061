"""Template context about the person who looks."""

from typing import Any

from django.http import HttpRequest

from accounts import selectors
from accounts.models import Role


def person(request: HttpRequest) -> dict[str, Any]:
    """`role_label`: the person's roles as words, "" before sign-in."""
    user = getattr(request, "user", None)
    held = selectors.roles_of(user)
    return {"role_label": ", ".join(str(role.label) for role in Role if role in held)}
