"""The forms of our own pages, and what we change in django-allauth's."""

from typing import Any

from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django import forms
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from accounts import selectors
from accounts.models import Agency, Role, Unit, plain_text

# With one step of tolerance a code is good for 90 s; remember it for longer than that.
_USED_CODE_S = 120


class _OneUse:
    """A code works once, for as long as it could work at all."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        user = self.user  # type: ignore[attr-defined]
        sign = "".join(code.split())
        if not cache.add(f"accounts:used-code:{user.pk}:{sign}", 1, timeout=_USED_CODE_S):
            from allauth.mfa.adapter import get_adapter

            self._emit_authentication_failed(self.authenticator)  # type: ignore[attr-defined]
            raise get_adapter().validation_error("incorrect_code")
        return code


class SecondFactorForm(_OneUse, AuthenticateForm):  # type: ignore[misc]
    """The code at sign-in."""


class ConfirmForm(_OneUse, ReauthenticateForm):  # type: ignore[misc]
    """The code that confirms who is at the keyboard."""


class RolesForm(forms.Form):
    """Which roles a person holds."""

    roles = forms.MultipleChoiceField(
        label=_("Roles"), choices=Role.choices, widget=forms.CheckboxSelectMultiple, required=False
    )


class AddPersonForm(RolesForm):
    """A new person with a sign-in."""

    field_order = ("name", "badge", "unit", "username", "roles")
    name = forms.CharField(label=_("Name"), max_length=120, strip=True, validators=[plain_text])
    badge = forms.CharField(label=_("Badge"), max_length=24, strip=True, validators=[plain_text])
    unit = forms.ModelChoiceField(label=_("Unit"), queryset=Unit.objects.none(), empty_label=None)
    username = forms.CharField(
        label=_("Username"),
        max_length=63,
        help_text=_("What they type to sign in: small letters, digits, dots, hyphens."),
    )

    def __init__(self, *args: Any, agency: Agency, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = selectors.units_of(agency)  # type: ignore[attr-defined]
        self.fields["unit"].label_from_instance = lambda unit: unit.name  # type: ignore[attr-defined]
        for field in ("name", "badge", "username"):
            self.fields[field].widget.attrs["autocomplete"] = "off"


class FilterForm(forms.Form):
    """What the administrator's list shows."""

    q = forms.CharField(label=_("Name, badge or username"), max_length=120, required=False)
    role = forms.ChoiceField(label=_("Role"), choices=[("", _("Any role")), *Role.choices], required=False)
    left = forms.BooleanField(label=_("Left staff"), required=False)
