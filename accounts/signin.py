"""django-allauth's views as this house routes them: only what signs a person in, with our entries."""

from typing import Any

from allauth.account.views import LoginView, PasswordChangeView
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView
from django.conf import settings
from django.db import transaction
from django.http import HttpResponse

from accounts import cast, services


class SignIn(LoginView):  # type: ignore[misc]
    """Username and password; beside them, in a demonstration, the cast."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the cast, and whether a right that ended brought the person here."""
        shown = cast.CAST if settings.IS_DEMO else ()
        return super().get_context_data(**kwargs) | {
            "cast": [one for one in shown if not one.second],
            "cast_seconds": [one for one in shown if one.second],
            "ended": "ended" in self.request.GET,
        }


class SetUpSecondFactor(ActivateTOTPView):  # type: ignore[misc]
    """The first second factor of a person, with ten recovery codes."""

    def form_valid(self, form: Any) -> HttpResponse:
        """The factor and its entry stand together or not at all."""
        with transaction.atomic():
            response = super().form_valid(form)
            services.record_second_factor_set(actor=self.request.user, request=self.request, kind="totp")
        return response


class NewRecoveryCodes(GenerateRecoveryCodesView):  # type: ignore[misc]
    """Ten new recovery codes in place of the old ones."""

    def form_valid(self, form: Any) -> HttpResponse:
        """The codes and their entry stand together or not at all."""
        with transaction.atomic():
            response = super().form_valid(form)
            services.record_second_factor_set(
                actor=self.request.user, request=self.request, kind="recovery_codes"
            )
        return response


class ChangePassword(PasswordChangeView):  # type: ignore[misc]
    """A new password in place of the present one; every other session of this person ends."""

    def form_valid(self, form: Any) -> HttpResponse:
        """The password and its entry (password_changed, in doors.py) stand together or not at all."""
        with transaction.atomic():
            return super().form_valid(form)
