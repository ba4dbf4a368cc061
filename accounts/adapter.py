"""How django-allauth asks us: sign-in by username and password, then a second factor; nothing by mail."""

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import selectors, services, sessions
from accounts.models import User
from csoc.lib import clock, sealing

_SAY_AFTERWARDS = {"account/messages/password_changed.txt"}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-in as this house wants it."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _(
            "This username and password do not belong together. Check both, or ask an administrator."
        ),
        "too_many_login_attempts": _("Too many attempts. Wait five minutes, then try again."),
        "rate_limited": _("Too many attempts. Wait five minutes, then try again."),
        "incorrect_password": _("This is not your password. Type it again."),
        "enter_current_password": _("This is not your present password. Type it again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: an administrator adds people."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """Open the session and write the entry (user_logged_in, in doors.py) together or not at all."""
        with transaction.atomic():
            super().login(request, user)

    def logout(self, request: HttpRequest) -> None:
        """End the session and write the entry together or not at all."""
        with transaction.atomic():
            super().logout(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the attempt; one that is over the limit is written like any failed sign-in."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            services.record_sign_in_failed(
                username=credentials.get("username", ""),
                code="rate-limited",
                actor=selectors.anonymous_actor(request),
            )
            raise

    def set_password(self, user: User, password: str) -> None:
        """Save the password only: a whole stale row could undo what an administrator did meanwhile."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Say only what the next page does not show by itself."""
        if message_template in _SAY_AFTERWARDS:
            super().add_message(request, level, message_template, *args, **kwargs)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Step-up: the second factor within five minutes; before there is one, the password."""
        request = context.request
        user = request.user
        if "totp" in selectors.second_factor_kinds(user):
            return not sessions.is_fresh(request.session, user)
        last = max((one["at"] for one in get_authentication_records(request, user)), default=0)
        return not 0 <= clock.now().timestamp() - last < sessions.FRESH_S

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Whoever has a second factor confirms with it; the password alone opens nothing."""
        methods = super().get_reauthentication_methods(user)
        strong = [one for one in methods if one["id"] == "mfa_reauthenticate"]
        return strong or methods

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Back to one's own account."""
        return reverse("account")


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors: secrets are sealed before they reach the database."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _(
            "This code is not right, or was used already. Wait for the next one and type it."
        ),
    }

    def encrypt(self, text: str) -> str:
        """Seal a secret, so that a copy of the database is not a copy of everyone's second factor."""
        return base64.b64encode(sealing.seal(_secret_key(), text.encode(), b"accounts.mfa")).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Unseal it. Errors: SealBroken when CSOC_SECRET_KEY is not the one it was sealed under."""
        return sealing.unseal(_secret_key(), base64.b64decode(encrypted_text), b"accounts.mfa").decode()

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """Only an administrator removes one, by a reset: everybody has a second factor."""
        return False

    def get_totp_label(self, user: User) -> str:
        """What the authenticator app shows."""
        return gettext("%(user)s (console)") % {"user": user.username}


def _secret_key() -> bytes:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"csoc accounts.mfa v1")
    return derive.derive(settings.SECRET_KEY.encode())
