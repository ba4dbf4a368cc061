"""Forms of the facts. Factor rows are plain fields, so that adding and leaving out need no script."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from csoc.lib.errors import Refused
from deployments import facts_files, matrices
from deployments.models import HIGHEST_LEVEL, RiskMatrix, SensitivePlace
from deployments.policies.facts import MAX_FACTORS, MAX_WEIGHT

EMPTY_ROWS = 3
_COLUMNS = ("key", "label", "hint", "weight", "levels", "without", "drop")


class _Facts(forms.Form):
    """Labels without a colon, and a refusal beside the field that it is about."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def refuse(self, refused: Refused) -> None:
        """Show why not, beside its field if it names one of this form's."""
        field = self.field_of(str(refused.extra.get("field", "")))
        self.add_error(field if field in self.fields else None, refused.sentence)

    def field_of(self, told: str) -> str:
        """Return the field that a refusal's ``field`` means."""
        return told


class MatrixForm(_Facts):
    """A whole version: its name, numbers and factors, one row each. A row without a label is no factor."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    threshold = forms.IntegerField(
        label=gettext_lazy("Threshold"), min_value=1,
        help_text=gettext_lazy("From this score on an application may go on. Nobody overrides it."),
    )  # fmt: skip
    valid_days = forms.IntegerField(
        label=gettext_lazy("An assessment is valid for (days)"), min_value=1, max_value=90
    )
    example = forms.BooleanField(label=gettext_lazy("Mark it as an example, for trials only"), required=False)

    def __init__(self, data: Any = None, *, start: RiskMatrix | Mapping[str, Any] | None = None) -> None:
        told = start if isinstance(start, Mapping) else start and vars(start)
        factors = (told or {}).get("factors", [])
        super().__init__(data, initial=_initial(told, factors))
        wanted = len(factors) + EMPTY_ROWS
        if data is not None:
            wanted = max((int(name[6:]) + 1 for name in data if _LABEL.match(name)), default=1)
        self.count = max(1, min(wanted, MAX_FACTORS))
        for row in range(self.count):
            self._lay_out(row)

    def _lay_out(self, row: int) -> None:
        words = forms.TextInput(attrs={"spellcheck": "true"})
        self.fields |= {
            f"key-{row}": forms.CharField(required=False, widget=forms.HiddenInput),
            f"label-{row}": forms.CharField(label=_("Factor"), max_length=80, required=False, widget=words),
            f"hint-{row}": forms.CharField(label=_("Hint"), max_length=160, required=False, widget=words),
            f"weight-{row}": forms.IntegerField(
                label=_("Weight"), min_value=1, max_value=MAX_WEIGHT, required=False, initial=1
            ),
            f"levels-{row}": forms.CharField(
                label=_("Words for 0 to 4, with commas between"), max_length=160, required=False
            ),
            f"without-{row}": forms.CharField(
                label=_("Sentence without it begins"), max_length=120, required=False
            ),
            f"drop-{row}": forms.BooleanField(label=_("Leave out"), required=False),
        }

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The bound fields, row by row, and whether the row was empty when the page was made."""
        return [
            {name: self[f"{name}-{row}"] for name in _COLUMNS} | {"number": row + 1}
            for row in range(self.count)
        ]

    def _kept(self) -> list[int]:
        told = self.cleaned_data
        return [row for row in range(self.count) if told.get(f"label-{row}") and not told.get(f"drop-{row}")]

    def values(self) -> dict[str, Any]:
        """Return the arguments of ``propose_matrix``."""
        told = self.cleaned_data
        factors = []
        for row in self._kept():
            words = [word.strip() for word in told[f"levels-{row}"].split(",")]
            factors.append({
                "key": told[f"key-{row}"] or _key(told[f"label-{row}"], row), "label": told[f"label-{row}"],
                "hint": told[f"hint-{row}"], "weight": told[f"weight-{row}"] or 1, "levels": words,
                "without": told[f"without-{row}"],
            })  # fmt: skip
        plain = {name: told[name] for name in ("name", "threshold", "valid_days", "example")}
        return {**plain, "factors": factors}

    def field_of(self, told: str) -> str:
        """``factor-2`` is the second row that was kept."""
        number = told.removeprefix("factor-")
        if number == told or not number.isdigit() or int(number) > len(self._kept()):
            return told
        row = self._kept()[int(number) - 1]
        words = [word for word in self.cleaned_data[f"levels-{row}"].split(",") if word.strip()]
        return f"levels-{row}" if len(words) != HIGHEST_LEVEL + 1 else f"label-{row}"


_LABEL = re.compile(r"label-\d{1,2}\Z")


def _initial(told: Mapping[str, Any] | None, factors: list[dict[str, Any]]) -> dict[str, Any]:
    if not told:
        return {"valid_days": 14}
    shown = {name: told[name] for name in ("name", "threshold", "valid_days")}
    for row, factor in enumerate(factors):
        shown |= {
            f"{name}-{row}": factor.get(name, "") for name in ("key", "label", "hint", "weight", "without")
        }
        shown[f"levels-{row}"] = ", ".join(factor["levels"])
    return shown


def _key(label: str, row: int) -> str:
    """A new factor's key, made of its label: it stays when the label is worded anew."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40]
    return key if key and key[0].isalpha() else f"factor_{row + 1}"


class MatrixFileForm(_Facts):
    """A version that was written as a file."""

    file = forms.FileField(label=gettext_lazy("A matrix as TOML"))

    def values(self) -> dict[str, Any]:
        """Return the arguments of ``propose_matrix``. Errors: Refused, for what is no matrix."""
        return matrices.read(self.cleaned_data["file"].read(matrices.MAX_BYTES + 1))


class PlacesForm(_Facts):
    """A whole list. When over half of it would go, its text comes back with what was confirmed."""

    source = forms.CharField(
        label=gettext_lazy("Where the list comes from"), max_length=120,
        help_text=gettext_lazy("An office or a register and its date."),
    )  # fmt: skip
    file = forms.FileField(
        label=gettext_lazy("The list as CSV"), required=False,
        help_text=gettext_lazy("First line kind,name,lat,lon. UTF-8, 120 kB at most. It replaces the list."),
    )  # fmt: skip
    rows = forms.CharField(required=False, strip=False, widget=forms.Textarea(attrs={"hidden": True}))
    shrink_to = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """A file, or the text of the one that was shown before."""
        told = super().clean() or {}
        if not self.errors and not (told.get("file") or told.get("rows")):
            self.add_error("file", _("Choose the file of the list."))
        return told

    def values(self) -> dict[str, Any]:
        """Return the arguments of ``import_places``. Errors: Refused, with the lines at fault."""
        told = self.cleaned_data
        rows = facts_files.read_places(self.raw())
        return {"source": told["source"], "rows": rows, "shrink_to": told["shrink_to"]}

    def raw(self) -> bytes:
        """Return what was sent."""
        if self.cleaned_data["file"]:
            self.cleaned_data["file"].seek(0)
            return bytes(self.cleaned_data["file"].read(facts_files.MAX_BYTES + 1))
        return str(self.cleaned_data["rows"]).encode()

    def again(self, after: int) -> "PlacesForm":
        """Return the form that confirms the shorter list: the same text, and how many places it has."""
        text = self.raw().decode("utf-8-sig")
        return PlacesForm(initial={"source": self.cleaned_data["source"], "rows": text, "shrink_to": after})


class SearchForm(_Facts):
    """What to look for among the places."""

    q = forms.CharField(label=gettext_lazy("Name"), max_length=80, required=False)
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"), required=False,
        choices=[("", gettext_lazy("All kinds")), *SensitivePlace.Kind.choices],
    )  # fmt: skip

    def asked(self) -> tuple[str, str]:
        """Return text and kind; both empty when what was asked makes no sense."""
        return (self.cleaned_data["q"], self.cleaned_data["kind"]) if self.is_valid() else ("", "")


class AreaForm(_Facts):
    """An outline that was drawn elsewhere."""

    file = forms.FileField(
        label=gettext_lazy("The outline as GeoJSON"),
        help_text=gettext_lazy("One Polygon without holes, longitude first, 120 kB at most."),
    )

    def values(self) -> dict[str, Any]:
        """Return the arguments of ``set_area``. Errors: Refused, for what is no outline."""
        return {"ring": facts_files.read_outline(self.cleaned_data["file"].read(facts_files.MAX_BYTES + 1))}


class NearForm(_Facts):
    """A point, WGS 84 degrees."""

    lat = forms.FloatField(min_value=-90, max_value=90)
    lon = forms.FloatField(min_value=-180, max_value=180)
