"""What the six sections share: the form, local times, and how far a task is."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import plain_text
from deployments.models import Deployment

DATE_FORMATS = ("%Y-%m-%d", "%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y")
TIME_FORMATS = ("%H:%M", "%H:%M:%S", "%H.%M", "%H%M")
LINE_BREAKS = "\n\r\t"
#: Nothing here happens outside of them; at the ends of the calendar no time zone can be added.
YEARS = range(2000, 2101)


@dataclass(frozen=True, slots=True)
class Task:
    """How far one section is. ``state``: completed, in_progress, not_started, cannot_start or waiting."""

    state: str
    line: str

    @property
    def word(self) -> str:
        """The state as a person reads it."""
        return str(STATES[self.state])

    @property
    def done(self) -> bool:
        """Whether nothing is left to do in it."""
        return self.state == "completed"


STATES: dict[str, Promise] = {
    "completed": gettext_lazy("Completed"),
    "in_progress": gettext_lazy("In progress"),
    "not_started": gettext_lazy("Not started"),
    "cannot_start": gettext_lazy("Cannot start yet"),
    "waiting": gettext_lazy("Waiting"),
}


class SectionForm(forms.Form):
    """One section's form: the page shows it, the API fills it, both judge by it.

    ``lay_out`` adds the fields that depend on the deployment (its trailer's sensors, the matrix's factors).
    """

    section: ClassVar[str]
    #: Pairs of fields that are one moment: ``reported`` stands for ``reported_date`` and ``reported_time``.
    moments: ClassVar[tuple[str, ...]] = ()
    use_required_attribute = False

    def __init__(self, data: Any = None, *, deployment: Deployment, matrix: Any = None, **more: Any) -> None:
        more.setdefault("auto_id", "f-%s")
        super().__init__(data, **more)
        self.deployment, self.matrix = deployment, matrix
        self.lay_out()

    def lay_out(self) -> None:
        """Add what depends on the deployment."""

    def clean(self) -> dict[str, Any]:
        """Put dates and times of day together to moments."""
        told: dict[str, Any] = super().clean() or {}
        for name in self.moments:
            day, clock = told.get(f"{name}_date"), told.get(f"{name}_time")
            if day is None or clock is None:
                continue
            try:
                told[f"{name}_at"] = self._exact(moment_of(day, clock))
            except forms.ValidationError as error:
                self.add_error(f"{name}_date" if error.code == "year" else f"{name}_time", error)
        return told

    def saved_moments(self) -> list[datetime | None]:
        """Return the moments that are saved."""
        return []

    def _exact(self, typed: datetime) -> datetime:
        """Return the saved moment where what is typed is its minute: nobody changed it."""
        same = (
            saved
            for saved in self.saved_moments()
            if saved is not None and saved.replace(second=0, microsecond=0) == typed
        )
        return next(same, typed)

    def values(self) -> dict[str, Any]:
        """Return the typed values that ``parts.applying`` documents."""
        raise TypeError("each section returns its own values")


def moment_of(day: date, clock: time) -> datetime:
    """Return a local day and time of day as UTC.

    Errors: ValidationError ``year`` outside of 2000 to 2100, ``no-time`` for a time that clocks skip.
    """
    if day.year not in YEARS:
        raise forms.ValidationError(_("Give a year from 2000 to 2100."), "year")
    zone = ZoneInfo(settings.LOCAL_TIME_ZONE)
    local = datetime.combine(day, clock, zone)
    if local.astimezone(UTC).astimezone(zone).replace(fold=0) != local.replace(fold=0):
        raise forms.ValidationError(_("Clocks go forward at this hour: that time does not exist."), "no-time")
    return local.astimezone(UTC)


def local(moment: datetime) -> datetime:
    """Return a moment in the zone in which people read times."""
    return timezone.localtime(moment, ZoneInfo(settings.LOCAL_TIME_ZONE))


def typed_moment(name: str, moment: datetime | None) -> dict[str, str]:
    """Return a moment as its two fields hold it; what is not there is empty."""
    if moment is None:
        return {f"{name}_date": "", f"{name}_time": ""}
    there = local(moment)
    return {f"{name}_date": f"{there:%Y-%m-%d}", f"{name}_time": f"{there:%H:%M}"}


def day_words(moment: datetime, *, year: bool = False) -> str:
    """``25 April``, or with the year ``12 May 2026``, in local time and the reader's language."""
    return formats.date_format(local(moment), "j F Y" if year else "j F")


def date_field(label: Any, **more: Any) -> forms.DateField:
    """Return a day that is typed."""
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"autocomplete": "off", "size": "14"})
    return forms.DateField(
        label=label, input_formats=DATE_FORMATS, widget=widget,
        error_messages={
            "required": gettext_lazy("Give the date, such as 2026-04-28."),
            "invalid": gettext_lazy("This is not a date. Write it like 2026-04-28."),
        }, **more,
    )  # fmt: skip


def time_field(label: Any, **more: Any) -> forms.TimeField:
    """Return a local time of day that is typed, on 24 hours."""
    widget = forms.TimeInput(format="%H:%M", attrs={"autocomplete": "off", "size": "8"})
    return forms.TimeField(
        label=label, input_formats=TIME_FORMATS, widget=widget,
        error_messages={
            "required": gettext_lazy("Give the time, such as 09:30."),
            "invalid": gettext_lazy("This is not a time of day. Write it like 09:30 or 22:00."),
        }, **more,
    )  # fmt: skip


def visible_text(value: str) -> None:
    """Refuse signs that nobody sees, in text of several lines. Errors: ValidationError."""
    plain_text("".join(" " if sign in LINE_BREAKS else sign for sign in value).strip())


def text_field(
    label: Any, required: Any = None, *, length: int, rows: int = 0, **more: Any
) -> forms.CharField:
    """Return a text; with ``rows`` one of several lines. ``required``: the sentence when it is missing."""
    attrs = {"autocomplete": "off"} | ({"rows": str(rows)} if rows else {})
    # The browser must not cut what is pasted: the form says that it is too long, and keeps it.
    return Text(
        label=label, max_length=length, required=required is not None, validators=[visible_text],
        widget=(forms.Textarea if rows else forms.TextInput)(attrs=attrs),
        error_messages={"required": required} if required is not None else {}, **more,
    )  # fmt: skip


class Text(forms.CharField):
    """A text in the normal form, so that what looks the same is the same."""

    def widget_attrs(self, widget: Any) -> dict[str, Any]:
        """Leave ``maxlength`` out: a paste is judged, not cut."""
        told = super().widget_attrs(widget)
        told.pop("maxlength", None)
        return told

    def to_python(self, value: Any) -> str:
        """Strip, and compose the signs."""
        return unicodedata.normalize("NFC", str(super().to_python(value))).replace("\r\n", "\n")


def percent_field(label: Any, required: Any, **more: Any) -> forms.IntegerField:
    """Return a whole number of per cent, 0 to 100."""
    return forms.IntegerField(
        label=label, min_value=0, max_value=100,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": "5"}),
        error_messages={"required": required, "invalid": gettext_lazy("Give a whole number from 0 to 100.")},
        **more,
    )  # fmt: skip
