"""The owner's consent by a signed paper. The private link has its own door and state."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments.models import Capacity, Consent, ConsentRequest, Deployment
from deployments.policies.content import covered
from deployments.sections import need, place, risk
from deployments.sections.base import (
    SectionForm,
    Task,
    date_field,
    day_words,
    local,
    text_field,
    time_field,
    typed_moment,
)
from deployments.selectors.links import open_link


class ConsentForm(SectionForm):
    """Who signed, in what capacity, until when. The paper is looked at by ``deployments.documents``."""

    section = "consent"
    moments = ("expires",)

    capacity = forms.ChoiceField(
        label=gettext_lazy("Who signed?"), choices=Capacity.choices, widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose who signed: the owner or an authorised occupant.")},
    )  # fmt: skip
    owner_name = text_field(
        gettext_lazy("Name of the person who signed"),
        gettext_lazy("Give the name of the person who signed."),
        length=120, help_text=gettext_lazy("Kept sealed, apart from the application"),
    )  # fmt: skip
    owner_email = forms.EmailField(
        label=gettext_lazy("Their e-mail"), required=False, max_length=160,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("If they gave one: kept sealed"),
        error_messages={"invalid": gettext_lazy("This is no e-mail address. Check it, or leave it empty.")},
    )  # fmt: skip
    conditions = text_field(
        gettext_lazy("Conditions"), length=1000, rows=2, help_text=gettext_lazy("As written on the paper")
    )
    expires_date = date_field(gettext_lazy("The consent holds until"))
    expires_time = time_field(gettext_lazy("at"))

    def saved_moments(self) -> list[datetime | None]:
        """The deployment's own end, which is what the form offers, to the second."""
        return [self.deployment.ends_at]

    def clean(self) -> dict[str, Any]:
        """A consent is given before it ends, and lasts as long as what it is for."""
        told = super().clean()
        expires = told.get("expires_at")
        if expires is None:
            return told
        ends = self.deployment.ends_at
        if expires <= clock.now():
            self.add_error(
                "expires_date", forms.ValidationError(_("This consent has already ended."), "over")
            )
        elif ends is not None and expires < ends:
            self.add_error(
                "expires_date",
                forms.ValidationError(
                    _("The deployment would last until %(end)s, longer than this consent. Shorten it first.")
                    % {"end": f"{local(ends):%Y-%m-%d %H:%M}"},
                    "too-short",
                ),
            )
        return told

    def values(self) -> dict[str, Any]:
        """``capacity, owner_name, owner_email, conditions, expires_at``; the door adds ``document``."""
        names = ("capacity", "owner_name", "owner_email", "conditions", "expires_at")
        return {name: self.cleaned_data[name] for name in names}


Form = ConsentForm


def initial_of(deployment: Deployment) -> dict[str, Any]:
    """Return what the form shows: the consent's end is offered as the deployment's."""
    return {"capacity": Capacity.OWNER.value} | typed_moment("expires", deployment.ends_at)


def covers(deployment: Deployment) -> bool:
    """Whether the consent of an application holds now for what it asks."""
    try:
        covered(deployment, clock.now())
    except Refused:
        return False
    return True


def task_of(deployment: Deployment, typed: bool = False) -> Task:
    """Return how far it is."""
    if risk.stopped(deployment):
        return Task("cannot_start", _("The risk is below the threshold"))
    if not (need.complete(deployment) and place.complete(deployment)):
        return Task("cannot_start", _("Opens when need and place are completed"))
    consent = deployment.consent
    if consent is not None and covers(deployment):
        words = {"who": consent.get_capacity_display(), "day": day_words(consent.expires_at)}
        return Task("completed", _("Given by the %(who)s, holds until %(day)s") % words)
    link = open_link(deployment)
    if link is not None:
        return Task("waiting", _link_line(link))
    if consent is not None:
        return Task("in_progress", _fallen(consent))
    if typed:
        return Task("in_progress", _("Typed, not saved yet"))
    return Task("not_started", _("By a signed paper, or by a private link to the owner"))


def _link_line(link: ConsentRequest) -> str:
    at = f"{local(link.made_at):%H:%M}"
    if link.opened_at is None:
        return _("Link sent to the owner at %(at)s, not opened") % {"at": at}
    opened = f"{local(link.opened_at):%H:%M}"
    return _("Link sent to the owner at %(at)s, opened at %(opened)s") % {"at": at, "opened": opened}


def _fallen(consent: Consent) -> str:
    if consent.withdrawn_at is not None:
        return _("The owner withdrew it")
    if consent.expires_at <= clock.now():
        return _("It has expired. Ask again")
    return _("The owner consented to something else. Ask for what is asked now")
