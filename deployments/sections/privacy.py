"""The privacy check: what people are told, and how long the record is kept."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from deployments.models import Deployment
from deployments.sections import need, place, risk
from deployments.sections.base import SectionForm, Task, text_field
from vault import classes


class PrivacyForm(SectionForm):
    """Signs, notice, retention class. Recording is not a question: it stays off."""

    section = "privacy"

    signage = text_field(
        gettext_lazy("What signs stand there, and where?"), gettext_lazy("Say what signs stand there."),
        length=600, rows=2, help_text=gettext_lazy("People see them before they are in the ring"),
    )  # fmt: skip
    notice = text_field(
        gettext_lazy("How are people who live or work there told?"), gettext_lazy("Say how they are told."),
        length=600, rows=2, help_text=gettext_lazy("Such as a letter to every flat, two days before"),
    )  # fmt: skip
    retention_class = forms.ChoiceField(
        label=gettext_lazy("Under which class is this application kept?"), widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose a retention class."),
            "invalid_choice": gettext_lazy("Choose a retention class that has a legal authority."),
        },
    )  # fmt: skip

    def lay_out(self) -> None:
        """Only classes with a legal authority can be chosen."""
        field = self.fields["retention_class"]
        usable = [found for found in classes.classes() if found.usable]
        field.choices = [(found.key, _label(found)) for found in usable]  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """``signage, notice, retention_class``."""
        return {name: self.cleaned_data[name] for name in ("signage", "notice", "retention_class")}


def _label(found: classes.RetentionClass) -> str:
    told = {"label": found.label, "days": found.days}
    if found.key == USUAL_CLASS:
        return _("%(label)s, %(days)d days (the usual one)") % told
    return _("%(label)s, %(days)d days") % told


Form = PrivacyForm
#: What a deployment's record is kept under unless somebody says why not.
USUAL_CLASS = "deployment-record"


def initial_of(deployment: Deployment) -> dict[str, Any]:
    """Return what the form shows of what is saved."""
    return {
        "signage": deployment.signage,
        "notice": deployment.notice,
        "retention_class": deployment.retention_class or USUAL_CLASS,
    }


def task_of(deployment: Deployment, typed: bool = False) -> Task:
    """Return how far it is."""
    if risk.stopped(deployment):
        return Task("cannot_start", _("The risk is below the threshold"))
    if deployment.signage and deployment.notice and classes.usable(deployment.retention_class):
        found = classes.find(deployment.retention_class)
        return Task("completed", _("Signs and notice given, kept as “%s”") % (found.label if found else ""))
    if not (need.complete(deployment) and place.complete(deployment)):
        return Task("cannot_start", _("Opens when need and place are completed"))
    if typed or deployment.signage or deployment.notice:
        return Task("in_progress", _("Typed, not saved yet") if typed else _("Something is missing"))
    return Task("not_started", _("Signs, notice, and how long the record is kept"))
