"""The privacy officer's pages of the log."""

import time
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit import permissions, presenting, proofs, questions, saved, selectors, strip, timelines, trust
from audit.context import current_actor
from audit.entry import Ref
from audit.guard import guard
from audit.questions import BadQuestion, Question
from audit.verbs import VERBS
from csoc.lib.errors import Refused, nothing_here

PAGE_ROWS = 50


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
    return _shown(request, "audit/log.html", _page(request))


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
    page = _page(request, text=f"entry:{idx}", chosen_idx=idx) | {"again": trust.again(row)}
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
    actor, given = current_actor(), request.POST
    pk = questions.index(given, "id")
    match given.get("act"):
        case "save":
            text = saved.save_question(actor=actor, name=given.get("name", ""), text=given.get("q", "")).text
        case "rename" if pk is not None:
            text = saved.rename_question(actor=actor, pk=pk, name=given.get("name", "")).text
        case "throw-away" if pk is not None:
            saved.throw_away_question(actor=actor, pk=pk)
            text = given.get("q", "")
        case _:
            raise nothing_here()
    return HttpResponseRedirect(f"{reverse('audit')}?{urlencode({'q': text})}")


# -- what they show ------------------------------------------------------------------------------------


def _page(request: HttpRequest, text: str | None = None, chosen_idx: int | None = None) -> dict[str, Any]:
    """Return the page's context: what can be understood, answered; else why not, and no rows at all."""
    began = time.perf_counter()
    text = _asked(request) if text is None else text
    question, found, fault = Question(text), selectors.Page([], False, None, None), None
    before = None
    try:
        question = questions.parse(text)
        before = questions.index(request.GET, "before")
        chosen_idx = questions.index(request.GET, "entry") if chosen_idx is None else chosen_idx
        found = selectors.page(question, PAGE_ROWS, before)
    except BadQuestion as error:
        fault = presenting.mistake(text, error)
    took = time.perf_counter() - began
    here = {"q": text} | ({"before": str(before)} if before is not None else {})
    rows, chosen = presenting.rows(found.rows, here), None
    if chosen_idx is not None and not fault:
        chosen = selectors.entry(chosen_idx)
    panel = presenting.panel(chosen) if chosen else None
    broken = [row.told.idx for row in rows if row.state == "broken"]
    broken += (
        [chosen.idx] if chosen and panel and panel["state"] == "broken" and chosen.idx not in broken else []
    )
    return {
        "text": text,
        "question": question,
        "fault": fault,
        "rows": rows,
        "size": selectors.size(),
        "answered": "" if fault else presenting.answered(found, question, selectors.size(), took),
        "older": urlencode({"q": text, "before": _older(found)}) if found.more or found.searched_to else "",
        "newest": urlencode({"q": text}) if before is not None else "",
        "searched_to": found.searched_to,
        "panel": panel,
        "not_there": chosen_idx if chosen_idx is not None and chosen is None else None,
        "terms": [(term.text, urlencode({"q": question.without(term)})) for term in question.terms],
        "saved": saved.chips(text),
        "own": saved.of_actor(),
        "seen": selectors.seen(),
        "watched_since": saved.WATCHED_SINCE,
        "watching": saved.watching(question),
        "verbs": sorted(VERBS),
        "fields": questions.FIELDS,
        "strip": strip.now(broken),
        "broken": broken,
        "zone": presenting.zone_name(),
        "here": urlencode(here),
    }


def _asked(request: HttpRequest) -> str:
    """Return the question's text: as typed, or as the small form “who watched” puts it together."""
    trailer = request.GET.get("watched", "").strip()
    if trailer:
        return saved.watched(trailer, request.GET.get("from", "").strip())
    return questions.from_query(request.GET)


def _older(found: selectors.Page) -> str:
    return str(found.rows[-1].idx if found.more else found.searched_to)


def _timeline(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    permissions.require_reader(request.user)
    try:
        around = questions.index(request.GET, "entry")
        before = questions.index(request.GET, "before")
        after = questions.index(request.GET, "after")
    except BadQuestion:
        raise Http404 from None
    found = timelines.read(kind, key, before=before, after=after, around=around)
    if not found.rows:
        raise nothing_here()
    return _shown(request, "audit/timeline.html", timelines.context(found, around))


def _shown(request: HttpRequest, template: str, page: dict[str, Any]) -> HttpResponse:
    """Return the page, and tell the guard how many entries it shows."""
    response = render(request, template, page)
    response.audit_n = len(page["rows"])  # type: ignore[attr-defined]
    return response
