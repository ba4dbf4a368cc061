"""Forms of the pages of a deployment that was sent or stands."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from csoc.lib.errors import Refused
from deployments.lists import list_name
from deployments.models import Deployment
from deployments.sections.base import date_field, moment_of, time_field
from deployments.selectors.as_read import MODULE_NAMES


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


class StandingForm(forms.Form):
    """What the forms of a standing deployment share: saying what a service refused."""

    use_required_attribute = False

    def refuse(self, refused: Refused) -> None:
        """Say what the service said, at its field where it names one."""
        field = refused.extra.get("field")
        self.add_error(field if field in self.fields else None, refused.sentence)


class EndForm(StandingForm):
    """Why it ends. There is nothing else to ask: stopping needs no approval."""

    reason = forms.ChoiceField(
        label=_("It ends because"), initial=Deployment.End.NEED_ENDED,
        choices=[
            (Deployment.End.NEED_ENDED, _("the need has ended")),
            (Deployment.End.CONSENT_WITHDRAWN, _("the owner told us to stop")),
            (Deployment.End.FAULT, _("something is broken")),
            (Deployment.End.REVOKED, _("it is revoked")),
        ],
    )  # fmt: skip


class ReviewForm(StandingForm):
    """A look at whether it is still needed."""

    still_needed = forms.TypedChoiceField(
        label=_("Is it still needed?"), coerce=lambda value: value == "yes", widget=forms.RadioSelect,
        choices=[("yes", _("Yes, it goes on")), ("no", _("No, end it now"))],
        error_messages={"required": _("Say yes or no.")},
    )  # fmt: skip
    words = forms.CharField(
        label=_("Why"), required=False, max_length=4000,
        help_text=_("Kept with the review for as long as the deployment’s record."),
        widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip


class TightenForm(StandingForm):
    """What is left of it. Boxes that are cleared go off; empty fields stay as they are."""

    modules = forms.MultipleChoiceField(
        label=_("Sensors that stay on"), required=False, widget=forms.CheckboxSelectMultiple
    )
    hotlist_categories = forms.MultipleChoiceField(
        label=_("Plate lists that stay on"), required=False, widget=forms.CheckboxSelectMultiple
    )
    end_date = date_field(_("Earlier end: date"), required=False)
    end_time = time_field(_("Earlier end: time"), required=False)
    speaker_ceiling_pct = forms.IntegerField(
        label=_("Loudspeaker at most, per cent"), min_value=0, max_value=100, required=False
    )
    quiet_ceiling_pct = forms.IntegerField(
        label=_("In the quiet hours at most, per cent"), min_value=0, max_value=100, required=False
    )
    from_deg = forms.FloatField(
        label=_("Forbidden to the camera: from, degrees"), min_value=0, max_value=360, required=False
    )
    to_deg = forms.FloatField(label=_("to, degrees"), min_value=0, max_value=360, required=False)
    why = forms.CharField(label=_("What lies there"), max_length=120, required=False)

    def __init__(self, *args: Any, deployment: Deployment, **kwargs: Any) -> None:
        self.deployment = deployment
        kwargs["initial"] = {
            "modules": deployment.modules, "hotlist_categories": deployment.hotlist_categories,
            "speaker_ceiling_pct": deployment.speaker_ceiling_pct,
            "quiet_ceiling_pct": deployment.quiet_ceiling_pct,
        }  # fmt: skip
        super().__init__(*args, **kwargs)
        modules: Any = self.fields["modules"]
        lists: Any = self.fields["hotlist_categories"]
        modules.choices = [(key, MODULE_NAMES[key]) for key in deployment.modules]
        lists.choices = [(key, list_name(key)) for key in deployment.hotlist_categories]
        if not deployment.hotlist_categories:
            del self.fields["hotlist_categories"]

    def clean(self) -> dict[str, Any]:
        """A date needs its time, a sector both its ends."""
        told: dict[str, Any] = super().clean() or {}
        if bool(told.get("end_date")) != bool(told.get("end_time")):
            self.add_error("end_time", _("Give the date and the time of day, or neither."))
        elif told.get("end_date"):
            try:
                told["ends_at"] = moment_of(told["end_date"], told["end_time"])
            except forms.ValidationError as error:
                self.add_error("end_date" if error.code == "year" else "end_time", error)
        if (told.get("from_deg") is None) != (told.get("to_deg") is None):
            self.add_error("to_deg", _("Give both directions of the sector, or neither."))
        return told

    def changes(self) -> dict[str, Any]:
        """Return what the service is asked to narrow; what follows from it is the service's to know."""
        told = self.cleaned_data
        names = ("modules", "hotlist_categories", "ends_at", "speaker_ceiling_pct", "quiet_ceiling_pct")
        changes = {name: told[name] for name in names if told.get(name) is not None}
        if told.get("from_deg") is not None:
            sector = {"from_deg": told["from_deg"], "to_deg": told["to_deg"], "why": told.get("why", "")}
            changes["forbidden_sectors"] = [*self.deployment.forbidden_sectors, sector]
        return changes
