"""Reading the user of a session."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from accounts import selectors
from accounts.models import User


class PersonBackend(ModelBackend):
    """Django's own backend; reads the person along, and takes a username in any case."""

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **kwargs: Any
    ):
        """Check a password. Unknown names cost as much time as known ones."""
        name = username.strip().lower() if username else username
        return super().authenticate(request, username=name, password=password, **kwargs)

    def get_user(self, user_id: int) -> User | None:
        """The active user with person, agency and unit; None once they have left staff."""
        return selectors.user_with_person(user_id)
