"""The applicant's form: whom to ask, and in which language."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import plain_text
from csoc.lib.errors import Refused
from deployments.models import Capacity, Language


class LinkForm(forms.Form):
    """Whom to send the private link to."""

    capacity = forms.ChoiceField(
        label=_("Who is asked?"), choices=Capacity.choices, widget=forms.RadioSelect, initial=Capacity.OWNER,
        error_messages={"required": _("Choose whom you ask: the owner or an authorised occupant.")},
    )  # fmt: skip
    owner_name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("Kept sealed, apart from the application"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}), validators=[plain_text],
        error_messages={"required": _("Give the name of whom you ask.")},
    )  # fmt: skip
    owner_email = forms.EmailField(
        label=_("E-mail address"), max_length=160, help_text=_("The link and the one-time code go there"),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": _("Give the e-mail address of the owner, such as name@example.org."),
            "invalid": _("This is no e-mail address. Check it."),
        },
    )  # fmt: skip
    language = forms.ChoiceField(
        label=_("Language of the message"), choices=Language.choices, initial=Language.EN,
        help_text=_("The page itself can be read in all three"),
    )  # fmt: skip

    def refuse(self, refused: Refused) -> None:
        """Put a refusal beside the field that it names, or above them all."""
        field = str(refused.extra.get("field", ""))
        self.add_error(field if field in self.fields else None, refused.sentence)
