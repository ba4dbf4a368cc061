"""The forms of our own pages, and what we change in django-allauth's."""

from typing import Any

from allauth.account.forms import ChangePasswordForm, LoginForm
from allauth.account.forms import ReauthenticateForm as PasswordForm
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django import forms
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from accounts import selectors
from accounts.models import Agency, BreakGlass, Role, Unit, User, plain_text

# With one step of tolerance a code is good for 90 s; remember it for longer than that.
_USED_CODE_S = 120


class _Plain:
    """Labels stand above the fields, in our words; nothing stands in their place inside."""

    labels: dict[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, forms.Field] = self.fields  # type: ignore[attr-defined]
        for name, field in fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)


class SignInForm(_Plain, LoginForm):  # type: ignore[misc]
    """Username and password."""

    labels = {"login": _("Username"), "password": _("Password")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs |= {
            "autofocus": True,
            "autocapitalize": "none",
            "spellcheck": "false",
        }


class NewPasswordForm(_Plain, ChangePasswordForm):  # type: ignore[misc]
    """A password of one's own."""

    labels = {
        "oldpassword": _("Present password"),
        "password1": _("New password"),
        "password2": _("New password again"),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = _("At least 12 characters; no common word, not your username.")


class ConfirmPasswordForm(_Plain, PasswordForm):  # type: ignore[misc]
    """One's password again."""

    labels = {"password": _("Password")}


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
    """Which roles a sign-in has."""

    roles = forms.MultipleChoiceField(
        label=_("Roles"), choices=Role.choices, widget=forms.CheckboxSelectMultiple, required=False
    )


class _LowerCase(forms.CharField):
    """Takes capitals and keeps small letters, before the validators look."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).lower()


class AddSignInForm(RolesForm):
    """One more sign-in of a person."""

    field_order: tuple[str, ...] = ("username", "roles")
    username = _LowerCase(
        label=_("Username"),
        max_length=63,
        validators=User._meta.get_field("username").validators,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("What they type to sign in: small letters, digits, dots, hyphens."),
    )

    def clean_username(self) -> str:
        """Say that it is taken together with everything else that is wrong."""
        username: str = self.cleaned_data["username"]
        if selectors.username_is_taken(username):
            raise forms.ValidationError(_("Somebody already signs in with this username."))
        return username


class AddPersonForm(AddSignInForm):
    """A new person with a sign-in."""

    field_order = ("name", "badge", "unit", "username", "roles")
    name = forms.CharField(label=_("Name"), max_length=120, strip=True, validators=[plain_text])
    badge = forms.CharField(label=_("Badge"), max_length=24, strip=True, validators=[plain_text])
    unit = forms.ModelChoiceField(label=_("Unit"), queryset=Unit.objects.none(), empty_label=None)

    def __init__(self, *args: Any, agency: Agency, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = selectors.units_of(agency)  # type: ignore[attr-defined]
        self.fields["unit"].label_from_instance = lambda unit: unit.name  # type: ignore[attr-defined]
        for field in ("name", "badge"):
            self.fields[field].widget.attrs["autocomplete"] = "off"

    def clean(self) -> dict[str, Any]:
        """Say that a badge is taken together with everything else that is wrong."""
        asked: dict[str, Any] = super().clean() or {}
        unit = asked.get("unit")
        if unit and asked.get("badge") and selectors.badge_is_taken(unit.agency_id, asked["badge"]):
            self.add_error("badge", _("Somebody of this agency already has this badge."))
        return asked


class FilterForm(forms.Form):
    """What the administrator's list shows."""

    q = forms.CharField(label=_("Name, badge or username"), max_length=120, required=False)
    role = forms.ChoiceField(label=_("Role"), choices=[("", _("Any role")), *Role.choices], required=False)
    left = forms.BooleanField(label=_("Left staff"), required=False)


class BreakGlassForm(forms.Form):
    """What must be read, and why it cannot wait."""

    what = forms.CharField(
        label=_("What you need to read"),
        max_length=60,
        help_text=_("The alert's id, or the deployment's number (DEP-2026-0031)."),
    )
    why = forms.ChoiceField(label=_("Why"), choices=BreakGlass.Why.choices, widget=forms.RadioSelect)
    words = forms.CharField(
        label=_("In your words"),
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What happened, and whom you tried to reach first. Whoever reviews it reads this."),
    )
    cad = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9-]{0,23}$",
        label=_("CAD number"),
        required=False,
        help_text=_("Leave empty if there is none yet."),
        error_messages={"invalid": _("Letters, digits and hyphens, such as 26-118204.")},
    )

    def clean_what(self) -> tuple[str, str]:
        """Return (kind, id)."""
        from accounts.break_glass import kind_of

        kind, target = kind_of(self.cleaned_data["what"])
        if not kind:
            raise forms.ValidationError(_("This is neither an alert's id nor a deployment's number."))
        return kind, target
