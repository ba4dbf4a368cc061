"""The risk, scored factor by factor with the agency's published matrix."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from csoc.lib import clock
from deployments.models import HIGHEST_LEVEL, Deployment
from deployments.sections.base import SectionForm, Task, text_field

LEVELS = tuple((str(level), str(level)) for level in range(HIGHEST_LEVEL + 1))


class RiskForm(SectionForm):
    """One step of five for each factor of the matrix, and on what it rests."""

    section = "risk"

    def lay_out(self) -> None:
        """Two fields a factor: ``level-<key>`` and ``why-<key>``."""
        for factor in self.factors:
            self.fields[f"level-{factor['key']}"] = forms.ChoiceField(
                label=factor["label"], choices=LEVELS, widget=forms.RadioSelect,
                error_messages={
                    "required": _("Score “%(factor)s”: 0 to 4.") % {"factor": factor["label"]},
                    "invalid_choice": _("A score is 0, 1, 2, 3 or 4."),
                },
            )  # fmt: skip
            self.fields[f"why-{factor['key']}"] = text_field(
                gettext_lazy("On what does it rest?"), length=200, help_text=factor.get("hint", "")
            )

    @property
    def factors(self) -> list[dict[str, Any]]:
        """The factors of the matrix, none before one is published."""
        return list(self.matrix.factors) if self.matrix is not None else []

    def clean(self) -> dict[str, Any]:
        """A score above 0 says on what it rests."""
        told = super().clean()
        for factor in self.factors:
            level, why = told.get(f"level-{factor['key']}"), told.get(f"why-{factor['key']}")
            if level and level != "0" and why == "":
                self.add_error(
                    f"why-{factor['key']}",
                    forms.ValidationError(
                        _("Say on what the score of “%(factor)s” rests, in a few words.")
                        % {"factor": factor["label"]},
                        "required",
                    ),
                )
        return told

    def values(self) -> dict[str, Any]:
        """``factors``: ``{key: {"level", "why"}}``."""
        told = self.cleaned_data
        return {
            "factors": {
                factor["key"]: {
                    "level": int(told[f"level-{factor['key']}"]), "why": told[f"why-{factor['key']}"]
                }
                for factor in self.factors
            }
        }  # fmt: skip


Form = RiskForm


def initial_of(deployment: Deployment) -> dict[str, Any]:
    """Return what the form shows of what is saved."""
    if deployment.risk is None:
        return {}
    told: dict[str, Any] = {}
    for key, scored in deployment.risk.factors.items():
        if isinstance(scored, dict):
            told |= {f"level-{key}": str(scored["level"]), f"why-{key}": scored["why"]}
    return told


def stopped(deployment: Deployment) -> bool:
    """Whether the assessed risk is below the threshold: there the flow stops."""
    risk = deployment.risk
    return risk is not None and risk.score < risk.threshold


def current(deployment: Deployment) -> bool:
    """Whether there is an assessment of this incident that meets the threshold now."""
    risk = deployment.risk
    return (
        risk is not None
        and risk.incident_id == deployment.incident_id
        and risk.meets_threshold_at(clock.now())
    )


def task_of(deployment: Deployment, typed: bool = False) -> Task:
    """Return how far it is."""
    risk = deployment.risk
    if deployment.incident is None:
        return Task("cannot_start", _("Opens when the incident is completed"))
    if risk is None:
        return _begun(typed)
    numbers = {"score": risk.score, "most": _highest(deployment), "threshold": risk.threshold}
    if stopped(deployment):
        return Task("in_progress", _("%(score)d of %(most)d, needs %(threshold)d: it stops here") % numbers)
    if risk.incident_id != deployment.incident_id:
        return Task("in_progress", _("It was scored for another incident. Score it again"))
    if not current(deployment):
        return Task("in_progress", _("The assessment is no longer current. Score it again"))
    return Task("completed", _("%(score)d of %(most)d, threshold %(threshold)d") % numbers)


def _begun(typed: bool) -> Task:
    if typed:
        return Task("in_progress", _("Typed, not saved yet"))
    return Task("not_started", _("Score what is recorded, factor by factor"))


def _highest(deployment: Deployment) -> int:
    risk = deployment.risk
    if risk is None:
        return 0
    return risk.matrix.highest if risk.matrix is not None else HIGHEST_LEVEL * len(risk.factors)
