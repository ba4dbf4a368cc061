"""Forms of the pages of a deployment that was sent or stands."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from csoc.lib.errors import Refused


class WordsForm(forms.Form):
    """A reason that is kept. Its own length is the service's to judge, with its sentence."""

    words = forms.CharField(
        label=_("Reason"), required=False, max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4, "aria-describedby": "words-kept", "maxlength": 1000}),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refused: Refused | None = None

    def refuse(self, refused: Refused) -> None:
        """Say what the service said, at its field where it names one."""
        field = refused.extra.get("field")
        self.refused = refused
        if field in self.fields:
            self.add_error(field, refused.sentence)
            self.fields[field].widget.attrs["aria-invalid"] = "true"
        else:
            self.add_error(None, refused.sentence)


class DecisionForm(WordsForm):
    """A decision: its reason, and the version and digest of what was read."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    content_hash = forms.RegexField("^[0-9a-f]{64}$", widget=forms.HiddenInput)
