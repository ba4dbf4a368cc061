"""The request form: one kind at a time, every mistake beside its field."""

import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import selectors
from audit.entry import is_name
from audit.exports import asking
from audit.exports.services import Wanted
from audit.models import ExportRequest
from csoc.lib.seen import is_plain

Kind = ExportRequest.Kind
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_-]{0,39}\Z")
#: Which fields each kind has of its own.
OWN: dict[str, tuple[str, ...]] = {
    Kind.ACTOR: ("person",),
    Kind.OBJECT: ("thing",),
    Kind.RANGE: ("since", "until"),
    Kind.QUESTION: ("question",),
}


#: What to do about a field that may not be empty.
EMPTY = {
    "person": gettext_lazy("Write whose entries to export."),
    "thing": gettext_lazy("Write which thing's entries to export."),
    "question": gettext_lazy("Write the question whose entries to export."),
    "reason": gettext_lazy("Choose why these entries leave the agency."),
    "reference": gettext_lazy("Write the number under which the second person finds the matter."),
    "recipient": gettext_lazy("Write who gets the file."),
}


class AskForm(forms.Form):
    """What an export asks for. ``wanted()`` after ``is_valid()``."""

    person = forms.CharField(
        label=gettext_lazy("Who"),
        max_length=200,
        help_text=gettext_lazy(
            "A person's number, such as u-1042, or their full name as the log has it; or a program's."
        ),
    )
    thing = forms.CharField(
        label=gettext_lazy("Which thing"),
        max_length=200,
        help_text=gettext_lazy(
            "Such as TRL-0007, DEP-2026-0031 or alert:0199… Press its name on the Audit page to see it."
        ),
    )
    since = forms.CharField(
        label=gettext_lazy("From"),
        max_length=40,
        required=False,
        help_text=gettext_lazy(
            "A time, such as 2026-11-21 22:00, or an entry's number. Empty: the very first."
        ),
    )
    until = forms.CharField(
        label=gettext_lazy("To"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("A time or an entry's number, that entry included. Empty: the newest."),
    )
    question = forms.CharField(
        label=gettext_lazy("Question"),
        max_length=500,
        help_text=gettext_lazy(
            "As on the Audit page, such as verb:video.live.* object:TRL-0007 since:yesterday"
        ),
    )
    details = forms.BooleanField(
        label=gettext_lazy("Include details"),
        required=False,
        help_text=gettext_lazy(
            "What people wrote as their reason, and old and new values. Leave them out when the entries are "
            "enough. With details of the public the file is deleted when those are due, 47 h after capture."
        ),
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        choices=[("", gettext_lazy("Choose one")), *ExportRequest.Reason.choices],
        help_text=gettext_lazy("Stands in the log for as long as the log is kept."),
    )
    reference = forms.CharField(
        label=gettext_lazy("Reference number"),
        max_length=40,
        help_text=gettext_lazy(
            "Of the complaint, order or inquiry, such as OPC-2026-114. The second person checks it."
        ),
    )
    recipient = forms.CharField(
        label=gettext_lazy("Recipient"),
        max_length=128,
        help_text=gettext_lazy(
            "The office and officer who get the file. For a member of the public write “the requester of” "
            "and the reference, never a name: this stands in the log."
        ),
    )
    also = forms.CharField(
        label=gettext_lazy("Checkpoint that the recipient holds (may be empty)"),
        max_length=20,
        required=False,
        help_text=gettext_lazy(
            "The size, second line, of a checkpoint they received earlier. The export then also shows that "
            "the log of today continues that one."
        ),
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        for name, sentence in EMPTY.items():
            self.fields[name].error_messages["required"] = sentence
        for name in {name for names in OWN.values() for name in names} - set(OWN[kind]):
            del self.fields[name]
        self._size = selectors.size()

    def clean_person(self) -> Any:
        """Return the actor's id."""
        return self._read("person", asking.actor_id)

    def clean_thing(self) -> Any:
        """Return the object's key."""
        return self._read("thing", asking.object_key)

    def clean_since(self) -> Any:
        """Return the first index."""
        return self._read("since", lambda text: asking.first_index(text, self._size))

    def clean_until(self) -> Any:
        """Return the last index."""
        return self._read("until", lambda text: asking.last_index(text, self._size))

    def clean_question(self) -> Any:
        """Return the question as it is understood."""
        return self._read("question", asking.question)

    def clean_reference(self) -> str:
        """Return the reference number."""
        reference = str(self.cleaned_data["reference"])
        if not REFERENCE.match(reference):
            raise forms.ValidationError(_("Use letters, digits, spaces and . / _ - only, 40 at most."))
        return reference

    def clean_recipient(self) -> str:
        """Return the recipient's name."""
        recipient = str(self.cleaned_data["recipient"])
        if not (is_name(recipient) and is_plain(recipient)):
            raise forms.ValidationError(_("Use only letters, digits and signs that can be seen."))
        return recipient

    def clean_also(self) -> int | None:
        """Return the size of the recipient's checkpoint."""
        text = str(self.cleaned_data["also"]).replace(",", "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and int(text)):
            raise forms.ValidationError(_("Write the number in the second line of their checkpoint."))
        if int(text) > self._size:
            raise forms.ValidationError(
                _(
                    "This log has %(n)d entries. If they truly hold a checkpoint of more, the log was set "
                    "back: do not export, tell the witness and the administrator."
                )
                % {"n": self._size}
            )
        return int(text)

    def clean(self) -> dict[str, Any]:
        """Check that a range begins before it ends, inside the log."""
        cleaned = super().clean() or {}
        first, last = cleaned.get("since"), cleaned.get("until")
        if first is not None and last is not None:
            if last >= self._size:
                newest = {"n": self._size - 1}
                self.add_error("until", _("The newest entry is number %(n)d.") % newest)
            elif last < first:
                self.add_error("until", _("No entry lies between these two."))
        return cleaned

    def wanted(self) -> Wanted:
        """Return what is asked for."""
        told = self.cleaned_data
        return Wanted(
            kind=self.kind,
            subject=told.get("person") or told.get("thing") or "",
            question=told.get("question", ""),
            first=told.get("since"),
            last=told.get("until"),
            **{name: told[name] for name in ("details", "also", "reason", "reference", "recipient")},
        )

    def _read(self, name: str, reader: Callable[[str], Any]) -> Any:
        try:
            return reader(str(self.cleaned_data[name]).strip())
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class RefuseForm(forms.Form):
    """Why the second person says no."""

    refusal = forms.ChoiceField(
        label=gettext_lazy("Why not"),
        choices=[("", gettext_lazy("Choose one")), *ExportRequest.Refusal.choices],
        error_messages={"required": gettext_lazy("Choose why: the one who asked reads it.")},
    )


TABS: tuple[tuple[str, Promise, Promise], ...] = (
    (
        Kind.ACTOR,
        gettext_lazy("A person"),
        gettext_lazy("Everything one person or program did. It can be proven that no entry is left out."),
    ),
    (
        Kind.OBJECT,
        gettext_lazy("A thing"),
        gettext_lazy("Everything done to one thing. It can be proven that no entry is left out."),
    ),
    (
        Kind.RANGE,
        gettext_lazy("A time"),
        gettext_lazy("Every entry from one to another. It can be proven that none between them is missing."),
    ),
    (
        Kind.QUESTION,
        gettext_lazy("A question"),
        gettext_lazy("What a question finds. Each entry can be proven; that there are no others can not."),
    ),
)
