"""The place: the point, the ring, what the camera may never look at, how loud the loudspeaker may be."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from csoc.lib.errors import Refused
from deployments import policies
from deployments.models import Deployment
from deployments.sections import risk
from deployments.sections.base import SectionForm, Task, percent_field, text_field, time_field

#: Rows of forbidden sectors: more are not drawn by anybody.
MAX_SECTORS = 8


class Number(forms.FloatField):
    """A decimal number that is typed; the comma of other keyboards is taken as well."""

    def __init__(self, **more: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off", "size": more.pop("size", "10")}
        super().__init__(widget=forms.TextInput(attrs=attrs), **more)

    def to_python(self, value: Any) -> Any:
        """Take a comma, and the true minus sign."""
        return super().to_python(
            value.replace(",", ".").replace("−", "-") if isinstance(value, str) else value
        )


def _point(label: Any, least: float, most: float) -> Number:
    wrong = gettext_lazy("Set the point on the map, or type degrees such as 43.65950 and -79.66900.")
    names = ("required", "invalid", "min_value", "max_value")
    return Number(label=label, min_value=least, max_value=most, error_messages=dict.fromkeys(names, wrong))


def _degrees(label: Any, *, required: bool = True) -> Number:
    wrong = gettext_lazy("Give degrees from 0 to 360, clockwise from north.")
    names = ("required", "invalid", "min_value", "max_value")
    return Number(
        label=label, min_value=0, max_value=360, required=required, size="6",
        error_messages=dict.fromkeys(names, wrong),
    )  # fmt: skip


class PlaceForm(SectionForm):
    """The inputs are the truth; the map shows and sets them."""

    section = "place"

    site = text_field(
        gettext_lazy("Name of the site"), gettext_lazy("Name the site."), length=120,
        help_text=gettext_lazy("As people there call it, such as Derry East Plaza"),
    )  # fmt: skip
    address = text_field(gettext_lazy("Address"), length=160)
    lat = _point(gettext_lazy("Latitude"), -90, 90)
    lon = _point(gettext_lazy("Longitude"), -180, 180)
    heading_deg = _degrees(gettext_lazy("The mast looks towards"))
    speaker_ceiling_pct = percent_field(
        gettext_lazy("Loudspeaker, at most"), gettext_lazy("Give the ceiling in per cent; 0 is silent.")
    )
    quiet_from = time_field(gettext_lazy("Quiet hours from"), required=False)
    quiet_to = time_field(gettext_lazy("to"), required=False)
    quiet_ceiling_pct = percent_field(
        gettext_lazy("In quiet hours, at most"), gettext_lazy("Give the ceiling in per cent; 0 is silent.")
    )

    def lay_out(self) -> None:
        """Three fields a row of forbidden sector; an empty row is none."""
        for row in range(MAX_SECTORS):
            self.fields[f"sector-{row}-from"] = _degrees(_("From"), required=False)
            self.fields[f"sector-{row}-to"] = _degrees(_("to"), required=False)
            self.fields[f"sector-{row}-why"] = text_field(_("Because"), length=120)

    def clean(self) -> dict[str, Any]:
        """Sectors are whole, quiet hours have both ends and are quieter, the point is ours."""
        told = super().clean()
        told["forbidden_sectors"] = [
            sector for row in range(MAX_SECTORS) if (sector := self._sector(row, told)) is not None
        ]
        self._judge_quiet(told)
        self._judge_point(told)
        return told

    def _sector(self, row: int, told: dict[str, Any]) -> dict[str, Any] | None:
        names = [f"sector-{row}-{part}" for part in ("from", "to", "why")]
        start, end, why = (told.get(name) for name in names)
        if start is None and end is None and not why:
            return None
        if start is None or end is None:
            for name in (name for name in names[:2] if told.get(name) is None and name not in self.errors):
                self.add_error(
                    name, forms.ValidationError(_("Give both ends of the sector, or empty the row."), "half")
                )
            return None
        if start % 360 == end % 360:
            self.add_error(
                names[1],
                forms.ValidationError(_("Both ends are the same. Switch the camera off instead."), "empty"),
            )
        return {"from_deg": start % 360, "to_deg": end % 360, "why": why or ""}

    def _judge_quiet(self, told: dict[str, Any]) -> None:
        start, end = told.get("quiet_from"), told.get("quiet_to")
        if (start is None) != (end is None) and not {"quiet_from", "quiet_to"} & self.errors.keys():
            name = "quiet_from" if start is None else "quiet_to"
            self.add_error(
                name, forms.ValidationError(_("Quiet hours have a beginning and an end. Give both."), "half")
            )
        most, quiet = told.get("speaker_ceiling_pct"), told.get("quiet_ceiling_pct")
        if most is not None and quiet is not None and quiet > most:
            self.add_error(
                "quiet_ceiling_pct",
                forms.ValidationError(_("Quiet hours cannot be louder than the rest of the day."), "louder"),
            )

    def _judge_point(self, told: dict[str, Any]) -> None:
        lat, lon = told.get("lat"), told.get("lon")
        if lat is None or lon is None:
            return
        try:
            policies.in_area(self.deployment.agency_id, lat, lon)
        except Refused as refused:
            self.add_error("lat", forms.ValidationError(refused.sentence, refused.code))

    def values(self) -> dict[str, Any]:
        """``site, address, lat, lon, heading_deg, forbidden_sectors``, the ceilings and the quiet hours."""
        told = self.cleaned_data
        names = (
            "site", "address", "lat", "lon", "forbidden_sectors", "speaker_ceiling_pct", "quiet_from",
            "quiet_to", "quiet_ceiling_pct",
        )  # fmt: skip
        return {name: told[name] for name in names} | {"heading_deg": told["heading_deg"] % 360}


Form = PlaceForm


def initial_of(deployment: Deployment) -> dict[str, Any]:
    """Return what the form shows of what is saved."""
    told: dict[str, Any] = {
        "site": deployment.site,
        "address": deployment.address,
        "lat": "" if deployment.lat is None else f"{deployment.lat:.6f}",
        "lon": "" if deployment.lon is None else f"{deployment.lon:.6f}",
        "heading_deg": f"{deployment.heading_deg:g}",
        "speaker_ceiling_pct": str(deployment.speaker_ceiling_pct),
        "quiet_from": deployment.quiet_from and f"{deployment.quiet_from:%H:%M}",
        "quiet_to": deployment.quiet_to and f"{deployment.quiet_to:%H:%M}",
        "quiet_ceiling_pct": str(deployment.quiet_ceiling_pct),
    }
    for row, sector in enumerate(deployment.forbidden_sectors[:MAX_SECTORS]):
        told |= {
            f"sector-{row}-from": f"{sector['from_deg']:g}",
            f"sector-{row}-to": f"{sector['to_deg']:g}",
            f"sector-{row}-why": sector.get("why", ""),
        }
    return told


def complete(deployment: Deployment) -> bool:
    """Whether the point and the site are there."""
    return deployment.lat is not None and bool(deployment.site.strip())


def task_of(deployment: Deployment, typed: bool = False) -> Task:
    """Return how far it is."""
    if risk.stopped(deployment):
        return Task("cannot_start", _("The risk is below the threshold"))
    if complete(deployment):
        return Task("completed", _around(deployment))
    if typed:
        return Task("in_progress", _("Typed, not saved yet"))
    return Task("not_started", _("The point, what lies around it, where the camera may not look"))


def _around(deployment: Deployment) -> str:
    near, shut = len(deployment.sensitive_places), len(deployment.forbidden_sectors)
    places = ngettext(
        "%(n)d sensitive place inside 500 m", "%(n)d sensitive places inside 500 m", near
    ) % {"n": near}  # fmt: skip
    sectors = ngettext("%(n)d camera sector forbidden", "%(n)d camera sectors forbidden", shut) % {"n": shut}
    return f"{places}, {sectors}"
