"""What every API door for people shares: who they are, and that they are fully signed in."""

from typing import Any

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission

from accounts import sessions
from accounts.sessions import Standing
from csoc.lib.errors import Refused


class PersonSession(SessionAuthentication):  # type: ignore[misc]
    """The session cookie that the pages use. Without one the answer is 401, never 403."""

    def authenticate(self, request: Any) -> tuple[Any, None] | None:
        """The fully signed-in user, with the CSRF token checked; else nobody."""
        plain = request._request
        user = getattr(plain, "user", None)
        if sessions.standing(plain.session, user) is not Standing.FULL:
            return None
        self.enforce_csrf(request)
        return user, None

    def enforce_csrf(self, request: Any) -> None:
        """Errors: Refused 403 `csrf`."""
        try:
            # The token of an API call is a header. Looking for a form's field would parse the body before
            # anything else was judged, and tell a body that does not parse as a missing token.
            plain = request._request
            plain._post, plain._files = QueryDict(), MultiValueDict()
            super().enforce_csrf(plain)
        except Exception as error:
            raise Refused("csrf", _("Send the CSRF token of the page along.")) from error

    def authenticate_header(self, request: Any) -> str:
        """Makes "not signed in" a 401."""
        return "Session"


class IsPerson(BasePermission):  # type: ignore[misc]
    """A named person: signed in, second factor shown, active. The default for every API door."""

    def has_permission(self, request: Any, view: Any) -> bool:
        """True for whoever PersonSession let in."""
        return bool(getattr(request.user, "is_authenticated", False))
