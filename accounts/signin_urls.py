"""Under /accounts/: signing in and out. No sign-up, no mail, no reset: those routes do not exist."""

from allauth.account.views import logout, reauthenticate
from allauth.mfa.base.views import authenticate
from allauth.mfa.base.views import reauthenticate as confirm
from allauth.mfa.recovery_codes.views import download_recovery_codes, view_recovery_codes
from django.urls import path
from django.views.generic import RedirectView

from accounts import signin

urlpatterns = [
    path("login/", signin.SignIn.as_view(), name="account_login"),
    path("logout/", logout, name="account_logout"),
    path("second-factor/", authenticate, name="mfa_authenticate"),
    path("second-factor/set-up/", signin.SetUpSecondFactor.as_view(), name="mfa_activate_totp"),
    path("second-factor/confirm/", confirm, name="mfa_reauthenticate"),
    path("second-factor/codes/", view_recovery_codes, name="mfa_view_recovery_codes"),
    path("second-factor/codes/new/", signin.NewRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("second-factor/codes/download/", download_recovery_codes, name="mfa_download_recovery_codes"),
    path("password/", signin.ChangePassword.as_view(), name="account_change_password"),
    path("password/confirm/", reauthenticate, name="account_reauthenticate"),
    # Names that django-allauth goes back to; both pages are parts of one's own account here.
    path("second-factor/own/", RedirectView.as_view(pattern_name="account"), name="mfa_index"),
    path("second-factor/off/", RedirectView.as_view(pattern_name="account"), name="mfa_deactivate_totp"),
]
