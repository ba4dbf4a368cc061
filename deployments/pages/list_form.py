"""What the list of deployments can be asked for, and what begins a new one."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Agency, Unit
from accounts.selectors import units_of
from deployments.models import Deployment
from deployments.sections.base import text_field
from trailers.models import Trailer


class FilterForm(forms.Form):
    """Every filter may be empty."""

    q = forms.CharField(
        label=_("Number, site, case or name"), required=False, max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off", "type": "search"}),
    )  # fmt: skip
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("Any")), *Deployment.State.choices]
    )
    unit = forms.ModelChoiceField(
        label=_("Unit"), required=False, queryset=Unit.objects.none(), empty_label=_("Any")
    )
    trailer = forms.IntegerField(
        label=_("Trailer"), required=False, min_value=1, max_value=9999,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": "5"}),
    )  # fmt: skip
    mine = forms.BooleanField(label=_("Mine only"), required=False)

    def __init__(self, *args: Any, agency: Agency, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unit: Any = self.fields["unit"]
        unit.queryset = units_of(agency)
        unit.label_from_instance = lambda one: one.name

    @property
    def filtering(self) -> bool:
        """Whether anything is asked for."""
        return any(self.data.get(name) for name in self.fields)


class NewForm(forms.Form):
    """Which trailer, and where it is to stand by name."""

    use_required_attribute = False

    trailer = forms.ModelChoiceField(
        label=_("Which trailer?"), queryset=Trailer.objects.none(), to_field_name="number",
        empty_label=_("Choose a trailer"),
        error_messages={
            "required": _("Choose a trailer."), "invalid_choice": _("This trailer is not yours to ask for."),
        },
    )  # fmt: skip
    site = text_field(
        _("What is the site called?"), _("Name the site."), length=120,
        help_text=_("As people there call it, such as Derry East Plaza"),
    )  # fmt: skip
    address = text_field(_("Address"), length=160, help_text=_("Street, number and town"))

    def __init__(self, *args: Any, trailers: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "f-%s")
        super().__init__(*args, **kwargs)
        field: Any = self.fields["trailer"]
        field.queryset = trailers
        field.label_from_instance = lambda one: f"{one.number:02d} · {one.label}"
