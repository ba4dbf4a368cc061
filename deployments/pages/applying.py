"""The applicant's pages, one question each: show, keep what is typed, save and go on."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import audit
from csoc.lib.errors import Refused
from deployments import selectors
from deployments.pages import filling
from deployments.pages.deciding import named
from deployments.parts.applying import VERB

View = Callable[..., HttpResponse]


def section_page(section: str) -> View:
    """Make the page of one section."""

    @require_http_methods(["GET", "POST"])
    @never_cache
    @audit.guard(VERB[section], object=named, acts=True, shows="deployment.view")
    def page(request: HttpRequest, name: str) -> HttpResponse:
        found = selectors.visible_by_name(request.user, name)  # type: ignore[arg-type]
        act = filling.sent if request.method == "POST" else filling.opened
        return answer(request, act(request, found, section))

    return page


@require_safe
@never_cache
@audit.guard("deployment.view", object=named)
def consent_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show both ways to a consent; what is posted goes to the address that takes a paper."""
    found = selectors.visible_by_name(request.user, name)  # type: ignore[arg-type]
    return answer(request, filling.opened(request, found, "consent"))


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("consent.give", object=named, acts=True, shows="deployment.view")
def consent_document(request: HttpRequest, name: str) -> HttpResponse:
    """Take the signed paper with its form: the one address that lets several megabytes in.

    Opened again, it shows the consent's page; a redirect would go out although the log cannot be written.
    """
    found = selectors.visible_by_name(request.user, name)  # type: ignore[arg-type]
    if request.method == "GET":
        return answer(request, filling.opened(request, found, "consent"))
    return answer(request, filling.sent(request, found, "consent"))


def answer(
    request: HttpRequest, filled: filling.Filled, *, status: int | None = None, **more: Any
) -> HttpResponse:
    """Go on with what was saved, or show the section's page; ``more`` is for its template."""
    if filled.closed:
        told = {"deployment": filled.deployment, "section": filled.section}
        return render(request, "deployments/closed.html", told, status=409)
    if filled.saved:
        name = filled.deployment.address_name
        now = selectors.visible_by_name(request.user, name)  # type: ignore[arg-type]
        return redirect(filling.next_of(now, filled.section), name=name)
    template = f"deployments/{filled.section}.html"
    return render(request, template, filling.page(filled) | more, status=status or filled.status)


def keep_typed(section: str) -> View:
    """Make the address that keeps what is typed in one section, and says so as JSON."""

    @require_POST
    @never_cache
    @audit.guard("deployment.draft", object=named, acts=True)
    def keep(request: HttpRequest, name: str) -> HttpResponse:
        found = selectors.visible_by_name(request.user, name)  # type: ignore[arg-type]
        try:
            kept = filling.keep(request, found, section)
        except Refused as refused:
            return _not_kept(request, found.address_name, section, refused)
        return JsonResponse(_kept(request, kept, section))

    return keep


def _kept(request: HttpRequest, kept: Any, section: str) -> dict[str, Any]:
    told = filling.kept_words(kept) | {"base": selectors.section_digest(kept, section)}
    return told | ({"explained": filling.explained_of(request, kept)} if section == "risk" else {})


def _not_kept(request: HttpRequest, name: str, section: str, refused: Refused) -> HttpResponse:
    """Say why; with a text that was saved elsewhere come both texts, so that the person can choose."""
    if refused.code != "stale-version":
        raise refused
    now = selectors.visible_by_name(request.user, name)  # type: ignore[arg-type]
    rows = filling.differing(now, section, filling.typed_of(request))
    told = {"detail": refused.sentence, "differs": rows, "base": selectors.section_digest(now, section)}
    return JsonResponse(told, status=409)
