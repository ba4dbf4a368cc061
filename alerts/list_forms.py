"""Forms of the plate lists: a small file in one post, and why a list is not let through."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from alerts.list_figures import REFUSAL_WORDS


class ImportForm(forms.Form):
    """Manifest and file; larger files are sent in pieces by the page's script."""

    manifest = forms.FileField(
        label=_("Manifest (JSON)"),
        help_text=_("The file with list_id, version, issued_at, valid_to, authority, rows and sha256."),
    )
    file = forms.FileField(
        label=_("List (CSV)"),
        help_text=_("Up to 2,000,000 rows. Without a script in this browser: up to 120 kB."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **({"label_suffix": ""} | kwargs))
        self.fields["manifest"].widget.attrs["accept"] = ".json,application/json"
        self.fields["file"].widget.attrs["accept"] = ".csv,text/csv"


class RefusalForm(forms.Form):
    """Why a second person does not let it through."""

    code = forms.ChoiceField(label=_("Why"), choices=[])
    words = forms.CharField(
        label=_("In a sentence"), max_length=1000, widget=forms.Textarea,
        help_text=_("Kept with the entry in the log, sealed, and nowhere else."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **({"label_suffix": ""} | kwargs))
        code: Any = self.fields["code"]
        code.choices = [(key, word) for key, word in REFUSAL_WORDS.items() if key != "withdrawn"]
