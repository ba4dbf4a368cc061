"""The page of refusals: which device sends what it must not. Codes and numbers, never content."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import audit
from alerts import refusal_lists
from csoc.lib import clock
from trailers import counters, policies
from trailers.refusal_words import word_of
from trailers.selectors import trailers_visible_to

PERIOD_WORDS = (("24h", _("24 hours")), ("7d", _("7 days")), ("30d", _("30 days")))


class RefusalFilter(forms.Form):
    """How far back, and of whom. What is not one of the choices counts as not said."""

    period = forms.ChoiceField(label=_("Period"), choices=PERIOD_WORDS, required=False)
    trailer = forms.ChoiceField(label=_("Trailer"), required=False)

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(one.name, f"{one.name} {one.label}") for one in trailers_visible_to(user)]
        choices = [("", _("All")), *named, (refusal_lists.NOBODY, _("Nobody known"))]
        self.fields["trailer"].choices = choices  # type: ignore[attr-defined]

    def asked(self) -> tuple[refusal_lists.Period, str]:
        """Return the period and the trailer's name, "" for all."""
        self.is_valid()
        period = self.cleaned_data.get("period") or "24h"
        return refusal_lists.PERIODS[period], self.cleaned_data.get("trailer", "")


def _ref(request: Any) -> audit.Ref:
    return audit.Ref("page", "refusals", request.user.person.agency.code)


@require_safe
@never_cache
@audit.guard("refusal.view", object=_ref)
def refusals(request: HttpRequest) -> HttpResponse:
    """Show what was refused, trailer by code, and what each code asks of a technician."""
    policies.may_see_keys(request.user)
    counters.write_if_due()
    form = RefusalFilter({"period": "24h", **request.GET.dict()}, user=request.user)
    period, chosen = form.asked()
    found = refusal_lists.table(request.user, period, chosen, clock.now())
    quiet = None if found.rows else refusal_lists.quiet_since(request.user, chosen, clock.now())
    words = [(word_of(code), found.totals[code]) for code in found.codes]
    shown = {"form": form, "period": period, "found": found, "words": words, "quiet_since": quiet}
    return render(request, "alerts/refusals.html", shown)
