"""The forms of the register and of keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Agency, Unit, plain_text
from accounts.selectors import units_of
from trailers.models import RevokeReason, Trailer

CAPABILITY_WORDS = (
    ("acoustic", _("gunshot detector")),
    ("alpr", _("plate reader")),
    ("ptz", _("camera")),
    ("speaker", _("loudspeaker")),
    ("power", _("power: solar, battery, generator")),
)
RATES = ((16_000, _("16 000 Hz")), (48_000, _("48 000 Hz")))


class TrailerForm(forms.Form):
    """What the register says of a trailer; what cannot be changed now is shown and not asked."""

    label = forms.CharField(
        label=_("Name"),
        help_text=_("As people call it, for example the lot it stands on. Not an address of a person."),
        max_length=80,
        validators=[plain_text],
    )
    unit = forms.ModelChoiceField(label=_("Unit"), queryset=Unit.objects.none(), empty_label=None)
    mast_m = forms.FloatField(
        label=_("Mast height, metres"),
        help_text=_("From the ground to the camera, 0.5 to 30. The camera’s tilt is reckoned from it."),
        min_value=0.5,
        max_value=30,
        initial=7.0,
    )
    heading_deg = forms.FloatField(
        label=_("Heading, degrees true"),
        help_text=_("Where the camera looks at pan 0, from 0 to 359.9. Each deployment sets its own."),
        min_value=0,
        max_value=359.9,
        initial=0.0,
    )
    audio_rate_hz = forms.TypedChoiceField(
        label=_("Audio rate of the gunshot detector"), choices=RATES, coerce=int, widget=forms.RadioSelect
    )
    capabilities = forms.MultipleChoiceField(
        label=_("What it carries"),
        choices=CAPABILITY_WORDS,
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, *args: Any, agency: Agency, locked: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unit: Any = self.fields["unit"]
        unit.queryset = units_of(agency)
        unit.label_from_instance = lambda one: one.name
        for name in ("mast_m", "heading_deg"):
            self.fields[name].widget.attrs |= {"step": "0.1", "inputmode": "decimal"}
        self.fields["label"].widget.attrs["autocomplete"] = "off"
        for name in locked:
            del self.fields[name]

    def clean_capabilities(self) -> list[str]:
        """In one order, so that the same set is the same value."""
        return sorted(self.cleaned_data["capabilities"])

    @staticmethod
    def of(trailer: Trailer) -> dict[str, Any]:
        """Return what the form shows of a trailer."""
        names = ("label", "unit", "mast_m", "heading_deg", "audio_rate_hz", "capabilities")
        return {name: getattr(trailer, name) for name in names}


class FingerprintForm(forms.Form):
    """What the trailer shows."""

    fingerprint = forms.CharField(
        label=_("The last 8 digits, as the trailer shows them"),
        help_text=_("Or the whole fingerprint. Blanks and capitals do not matter."),
        max_length=120,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        self.fields["fingerprint"].widget.attrs |= plain | {"class": "code-input"}


class RevokeForm(forms.Form):
    """Why a key ends."""

    reason = forms.ChoiceField(
        label=_("Why?"),
        help_text=_("Kept in the audit log and shown beside the key."),
        choices=RevokeReason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a reason.")},
    )


class CodeForm(forms.Form):
    """One press of the button that makes a code."""

    asked = forms.UUIDField(widget=forms.HiddenInput)
