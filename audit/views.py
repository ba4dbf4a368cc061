"""The privacy officer's pages of the log."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit import log_page as log_page_of
from audit import permissions, proofs, questions, saved, selectors, strip, timelines, trust
from audit.context import current_actor
from audit.entry import Ref
from audit.guard import guard
from audit.questions import BadQuestion
from csoc.lib.errors import Refused, nothing_here


def log_ref(request: Any, **kwargs: Any) -> Ref:
    """Return what a reader reads: the log, as far as their agency may see it."""
    return Ref("log", "audit", current_actor().agency or "")


def entry_ref(request: Any, idx: int) -> Ref:
    """Return one entry as the object of an act."""
    return Ref("entry", str(idx), current_actor().agency or "")


@require_GET
@guard("audit.view", object=log_ref)
def log_page(request: HttpRequest) -> HttpResponse:
    """Show the entries that answer the question, newest first; reading them is an entry itself."""
    permissions.require_reader(request.user)
    return _shown(request, "audit/log.html", log_page_of.context(request))


@require_GET
def strip_fragment(request: HttpRequest) -> HttpResponse:
    """The strip alone, for a page that stays open. It shows no entry, so looking leaves none."""
    permissions.require_reader(request.user)
    response = render(request, "audit/strip.html", {"strip": strip.now()})
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@guard("audit.verify", object=entry_ref)
def verify_entry(request: HttpRequest, idx: int) -> HttpResponse:
    """Check one entry again, step by step, and show it with what was compared."""
    permissions.require_reader(request.user)
    row = selectors.entry(idx)
    if row is None:
        raise nothing_here()
    page = log_page_of.of_one(idx) | {"again": trust.again(row)}
    return _shown(request, "audit/log.html", page)


@require_GET
@guard("audit.download", object=entry_ref)
def proof_file(request: HttpRequest, idx: int) -> HttpResponse:
    """One line and its proof as a file that anybody can check."""
    permissions.require_reader(request.user)
    if selectors.entry(idx) is None:
        raise nothing_here()
    try:
        text = proofs.tlog_proof(idx)
    except LookupError:
        raise Refused("no-proof", _("This entry has no proof to give: verify it first."), 409) from None
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="entry-{idx}.tlog-proof"'
    response["Cache-Control"] = "no-store"
    return response


@require_GET
@guard("audit.view", object=log_ref)
def person_page(request: HttpRequest, key: str) -> HttpResponse:
    """Everything one person or process did, in the order it was sealed."""
    return _timeline(request, "person", key)


@require_GET
@guard("audit.view", object=log_ref)
def object_page(request: HttpRequest, key: str) -> HttpResponse:
    """Everything done to one thing, in the order it was sealed."""
    return _timeline(request, "object", key)


@require_POST
def keep_question(request: HttpRequest) -> HttpResponse:
    """Save, rename or throw away one of the reader's own questions; then the page again."""
    permissions.require_reader(request.user)
    given = request.POST
    pk, name, text = questions.index(given, "id"), given.get("name", ""), given.get("q", "")
    text = saved.change(actor=current_actor(), act=given.get("act", ""), pk=pk, name=name, text=text)
    return HttpResponseRedirect(f"{reverse('audit')}?{urlencode({'q': text})}")


def _timeline(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    permissions.require_reader(request.user)
    try:
        places = {name: questions.index(request.GET, name) for name in ("before", "after", "entry")}
    except BadQuestion:
        raise Http404 from None
    found = timelines.read(kind, key, before=places["before"], after=places["after"], around=places["entry"])
    if not found.rows:
        raise nothing_here()
    return _shown(request, "audit/timeline.html", timelines.context(found, places["entry"]))


def _shown(request: HttpRequest, template: str, page: dict[str, Any]) -> HttpResponse:
    """Return the page, and tell the guard how many entries it shows."""
    response = render(request, template, page)
    response.audit_n = len(page["rows"])  # type: ignore[attr-defined]
    return response
