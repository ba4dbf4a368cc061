"""The reported incident that the deployment answers to."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from csoc.lib import clock
from deployments.models import Deployment, Incident
from deployments.sections.base import (
    SectionForm,
    Task,
    date_field,
    day_words,
    text_field,
    time_field,
    typed_moment,
)


class IncidentForm(SectionForm):
    """Which incident, what kind, where, and when it was reported."""

    section = "incident"
    moments = ("reported",)

    cad = text_field(
        gettext_lazy("CAD number"), gettext_lazy("Give the CAD number of the incident."), length=40,
        help_text=gettext_lazy("As the dispatch system has it, such as PR26-0148831"),
    )  # fmt: skip
    kind = forms.ChoiceField(
        label=gettext_lazy("What kind of incident?"), choices=Incident.Kind.choices, widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose the kind of incident.")},
    )  # fmt: skip
    place = text_field(
        gettext_lazy("Where did it happen?"), gettext_lazy("Say where it happened."), length=160,
        help_text=gettext_lazy("Street and number, or the crossing. No names of people"),
    )  # fmt: skip
    reported_date = date_field(gettext_lazy("Reported on"))
    reported_time = time_field(gettext_lazy("at"))

    def clean_cad(self) -> str:
        """Large letters, digits and hyphens: the form that the database keeps."""
        cad = str(self.cleaned_data["cad"]).upper().replace(" ", "")
        field = Incident._meta.get_field("cad")
        allowed = cad.isascii() and all(sign.isalnum() or sign == "-" for sign in cad)
        if not allowed or not 3 <= len(cad) <= int(field.max_length or 24) or cad[0] == "-":
            raise forms.ValidationError(
                _("Use 3 to 24 letters, digits and hyphens, such as PR26-0148831."), "cad-form"
            )
        return cad

    def saved_moments(self) -> list[datetime | None]:
        """When an incident of this number was reported, as it is recorded."""
        cad = self.cleaned_data.get("cad", "")
        known = Incident.objects.filter(agency_id=self.deployment.agency_id, cad=cad).first()
        return [known.reported_at if known else None]

    def clean(self) -> dict[str, Any]:
        """An incident was reported before now."""
        told = super().clean()
        reported = told.get("reported_at")
        if reported is not None and reported > clock.now():
            self.add_error(
                "reported_date", forms.ValidationError(_("This moment has not come yet."), "future")
            )
        return told

    def values(self) -> dict[str, Any]:
        """``cad, kind, place, reported_at``."""
        return {name: self.cleaned_data[name] for name in ("cad", "kind", "place", "reported_at")}


Form = IncidentForm


def initial_of(deployment: Deployment) -> dict[str, Any]:
    """Return what the form shows of what is saved."""
    incident = deployment.incident
    if incident is None:
        return {}
    told = {"cad": incident.cad, "kind": incident.kind, "place": incident.place}
    return told | typed_moment("reported", incident.reported_at)


def task_of(deployment: Deployment, typed: bool = False) -> Task:
    """Return how far it is; ``typed``: something was typed and is not saved."""
    incident = deployment.incident
    if incident is not None:
        words = {
            "cad": incident.cad, "kind": incident.get_kind_display(), "day": day_words(incident.reported_at)
        }  # fmt: skip
        return Task("completed", _("%(cad)s, %(kind)s, reported on %(day)s") % words)
    if typed:
        return Task("in_progress", _("Typed, not saved yet"))
    return Task("not_started", _("The reported incident that the trailer answers to"))
