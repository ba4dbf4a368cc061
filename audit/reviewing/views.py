"""The reviewers' page: what was drawn or flagged, in words, with what happened before and after."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from audit.context import current_actor
from audit.entry import Ref
from audit.guard import guard
from audit.models import Review
from audit.reviewing import policies, presenting, services
from audit.reviewing import selectors as review_selectors
from csoc.lib.errors import Refused

MAX_ID = 2**62


def _asked(request: Any, **kwargs: Any) -> Ref:
    """Return what is looked at: one entry, or the list."""
    agency = current_actor().agency or ""
    chosen = _chosen(request.user, kwargs.get("review_id") or presenting.number(request.GET.get("item")))
    return Ref("entry", str(chosen.idx), chosen.agency) if chosen else Ref("page", "reviews", agency)


def _chosen(user: Any, review_id: int | None) -> Review | None:
    return review_selectors.one(user, review_id) if review_id and review_id < MAX_ID else None


@require_safe
@never_cache
@guard("audit.review", object=_asked)
def review_page(request: HttpRequest) -> HttpResponse:
    """Show what waits, what was flagged or what was decided, and one item with its context."""
    policies.require_reviewer(request.user)
    chosen = _chosen(request.user, presenting.number(request.GET.get("item")))
    page = presenting.page(request.user, request.GET, chosen)
    response = render(request, "audit/reviews.html", page)
    response.audit_n = len(page["rows"])  # type: ignore[attr-defined]
    return response


@require_POST
@never_cache
@guard("audit.resolve", object=_asked, acts=True)
def decide(request: HttpRequest, review_id: int) -> HttpResponse:
    """Decide, then go on to the list; what was refused is told above the form, with the note kept."""
    sent = request.POST
    try:
        services.decide(
            actor=request.user, review_id=review_id, decision=sent.get("decision", ""),
            note=sent.get("note", ""), further="further" in sent,
        )  # fmt: skip
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        page = presenting.page(request.user, {}, _chosen(request.user, review_id))
        more = {"refused": refused.sentence, "sent": sent}
        return render(request, "audit/reviews.html", page | more, status=refused.status)
    return redirect(f"{reverse('audit-reviews')}?{urlencode({'item': review_id})}")
