"""The operational need: the aim, what else was considered, what is switched on and why, and how long."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import policies
from deployments.lists import list_name
from deployments.models import MAX_TERM, Deployment
from deployments.policies.content import CATEGORIES
from deployments.sections import risk
from deployments.sections.base import (
    SectionForm,
    Task,
    date_field,
    text_field,
    time_field,
    typed_moment,
)
from deployments.selectors.as_read import MODULE_NAMES
from trailers.models import MODULES

MODULE_HINTS = {
    "acoustic": gettext_lazy(
        "Hears shots and says from where. At most 3 s of sound of a shot are kept, and no speech is heard"
    ),
    "alpr": gettext_lazy("Compares plates on the trailer and reports hits of the lists below, nothing else"),
    "ptz": gettext_lazy("Opens only after an acknowledged alert. Records nothing"),
    "speaker": gettext_lazy("A person speaks, never louder than the ceiling of the place"),
}


def switches_of(deployment: Deployment) -> list[tuple[str, Any, Any]]:
    """Return ``(key, label, hint)`` of what this trailer could have on; lists only with a plate reader."""
    has = [name for name in MODULES if name in deployment.trailer.capabilities]
    told: list[tuple[str, Any, Any]] = [(name, MODULE_NAMES[name], MODULE_HINTS[name]) for name in has]
    if "alpr" in has:
        told += [(f"list:{name}", list_name(name), "") for name in CATEGORIES]
    return told


class NeedForm(SectionForm):
    """Everything is off unless somebody writes why it is on."""

    section = "need"
    moments = ("starts", "ends")

    aim = text_field(
        gettext_lazy("What is the trailer to achieve here?"), gettext_lazy("Say what it is to achieve."),
        length=2000, rows=3, help_text=gettext_lazy("One aim that can be checked later. No names of people"),
    )  # fmt: skip
    alternatives = text_field(
        gettext_lazy("What less intrusive means were considered?"),
        gettext_lazy("Name the less intrusive means that were considered."), length=2000, rows=3,
        help_text=gettext_lazy("Such as patrols, lighting, a fixed camera: and why they are not enough"),
    )  # fmt: skip
    starts_date = date_field(gettext_lazy("Starts on"))
    starts_time = time_field(gettext_lazy("at"))
    ends_date = date_field(gettext_lazy("Ends on"))
    ends_time = time_field(gettext_lazy("at"))
    review_every_days = forms.IntegerField(
        label=gettext_lazy("Review every"), min_value=1, max_value=14,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": "4"}),
        help_text=gettext_lazy("Days, 1 to 14. A supervisor then looks whether it is still needed"),
        error_messages={
            name: gettext_lazy("Give a whole number of days from 1 to 14.")
            for name in ("required", "invalid", "min_value", "max_value")
        },
    )  # fmt: skip

    def saved_moments(self) -> list[datetime | None]:
        """The term as it stands."""
        return [self.deployment.starts_at, self.deployment.ends_at]

    def lay_out(self) -> None:
        """Two fields a switch: ``on-<key>``, and ``why-<key>`` that turns it on."""
        for key, label, hint in switches_of(self.deployment):
            self.fields[f"on-{key}"] = forms.BooleanField(label=label, required=False, help_text=hint)
            self.fields[f"why-{key}"] = text_field(_("Why is it needed here?"), length=500, rows=2)

    def clean(self) -> dict[str, Any]:
        """What is ticked is justified; what is justified is ticked; the term is possible."""
        told = super().clean()
        on = [one[0] for one in switches_of(self.deployment) if self._judge(one[0], told)]
        if not any(not key.startswith("list:") for key in on) and not self._unjustified(told):
            self.add_error(
                None, forms.ValidationError(_("Switch at least one sensor on, and say why."), "none")
            )
        if any(key.startswith("list:") for key in on) and not told.get("on-alpr"):
            self.add_error(
                "on-alpr",
                forms.ValidationError(_("A list category needs the plate reader switched on."), "no-reader"),
            )
        if told.get("on-alpr") and not any(key.startswith("list:") for key in on):
            words = _("Choose at least one list, or switch the plate reader off.")
            self.add_error("on-alpr", forms.ValidationError(words, "no-list"))
        self._judge_term(told)
        return told

    def _judge(self, key: str, told: dict[str, Any]) -> bool:
        """Say that a tick wants a reason. Words without a tick stay typed and switch nothing on."""
        if not told.get(f"on-{key}"):
            return False
        if not told.get(f"why-{key}") and f"why-{key}" not in self.errors:
            label = self.fields[f"on-{key}"].label
            self.add_error(
                f"why-{key}",
                forms.ValidationError(
                    _("Say why “%(what)s” is needed, or switch it off.") % {"what": label}, "required"
                ),
            )
        return True

    def _unjustified(self, told: dict[str, Any]) -> bool:
        return any(f"why-{name}" in self.errors for name in MODULES)

    def _judge_term(self, told: dict[str, Any]) -> None:
        starts, ends = told.get("starts_at"), told.get("ends_at")
        if starts is None or ends is None:
            return
        if self.deployment.term > 1 and starts > clock.now():
            words = _("A renewal begins when it is authorised: give a start that has come, such as now.")
            self.add_error("starts_date", forms.ValidationError(words, "not-begun"))
        try:
            policies.term_possible(starts, ends, clock.now())
        except Refused as refused:
            field = str(refused.extra.get("field", "ends_at")).replace("_at", "_date")
            self.add_error(field, forms.ValidationError(refused.sentence, refused.code))

    def values(self) -> dict[str, Any]:
        """``aim, alternatives, justifications, starts_at, ends_at, review_every_days``."""
        told = self.cleaned_data
        names = ("aim", "alternatives", "starts_at", "ends_at", "review_every_days")
        on = [key for key, _label, _hint in switches_of(self.deployment) if told.get(f"on-{key}")]
        return {name: told[name] for name in names} | {
            "justifications": {key: told[f"why-{key}"] for key in on}
        }


Form = NeedForm


def initial_of(deployment: Deployment) -> dict[str, Any]:
    """Return what the form shows of what is saved."""
    told: dict[str, Any] = {
        "aim": deployment.aim,
        "alternatives": deployment.alternatives,
        "review_every_days": deployment.review_every_days,
    }
    # A renewal carries the reasons of what was narrowed since: they stay typed, and switch nothing on.
    on = {*deployment.modules, *(f"list:{name}" for name in deployment.hotlist_categories)}
    for key, why in deployment.justifications.items():
        told |= {f"on-{key}": key in on, f"why-{key}": why}
    # Offered until somebody says otherwise: from now on, for as long as a term may last.
    starts = deployment.starts_at or clock.now()
    return (
        told | typed_moment("starts", starts) | typed_moment("ends", deployment.ends_at or starts + MAX_TERM)
    )


def complete(deployment: Deployment) -> bool:
    """Whether it is all there: what an authorisation needs of it."""
    wanted = set(deployment.modules) | {f"list:{name}" for name in deployment.hotlist_categories}
    return bool(
        deployment.aim.strip()
        and deployment.alternatives.strip()
        and deployment.modules
        and not wanted - deployment.justifications.keys()
        and _term_open(deployment.ends_at)
    )


def _term_open(ends_at: datetime | None) -> bool:
    return ends_at is not None and ends_at > clock.now()


def task_of(deployment: Deployment, typed: bool = False) -> Task:
    """Return how far it is."""
    if risk.stopped(deployment):
        return Task("cannot_start", _("The risk is below the threshold"))
    if complete(deployment):
        return Task("completed", _switched(deployment))
    if typed:
        return Task("in_progress", _("Typed, not saved yet"))
    if deployment.ends_at is not None and not _term_open(deployment.ends_at):
        return Task("in_progress", _("The end date has passed. Give a later one"))
    if deployment.aim:
        if deployment.ends_at is None:
            return Task("in_progress", _("Say from when until when"))
        return Task("in_progress", _("Not everything that is on has its reason"))
    return Task("not_started", _("The aim, what else was considered, which sensors, how long"))


def _switched(deployment: Deployment) -> str:
    on = [str(MODULE_NAMES[name]) for name in MODULES if name in deployment.modules]
    lists = len(deployment.hotlist_categories)
    words = ", ".join([on[0], *(word[:1].lower() + word[1:] for word in on[1:])])
    if not lists:
        return words
    return f"{words}. " + ngettext("%(n)d list category", "%(n)d list categories", lists) % {"n": lists}
