"""What the pages of exports show, as plain values for their templates."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from audit import checkpoints
from audit import selectors as log
from audit.context import current_actor
from audit.entry import Actor
from audit.exports import asking, forms, policies, selectors, words
from audit.models import ExportRequest
from audit.permissions import READERS, in_group
from csoc.lib.errors import Refused

ROWS = 100
#: What other pages may call a kind's field in their links.
GIVEN = {"actor": ("actor", "person"), "object": ("object", "thing"), "q": ("question", "question")}


def listed(request: HttpRequest) -> dict[str, Any]:
    """Return the agency's newest requests; those that wait for this person stand apart."""
    told = [words.tell(row) for row in selectors.visible_to_actor()[:ROWS]]
    own = current_actor().id
    waiting = [one for one in told if one.row.state == "asked" and one.row.requester != own]
    return {
        "waiting": waiting,
        "rest": [one for one in told if one not in waiting],
        "limit": ROWS if len(told) == ROWS else 0,
        "may_ask": in_group(request.user, *READERS),
    }


def asking_page(form: forms.AskForm) -> dict[str, Any]:
    """Return the form with its kind's own fields apart, and who will sign what comes of it."""
    own = [form[name] for name in forms.OWN[form.kind]]
    [about] = [about for kind, _label, about in forms.TABS if kind == form.kind]
    page = {"form": form, "kind": form.kind, "tabs": forms.TABS, "own": own, "about": about}
    return page | {"witnesses": checkpoints.witnesses(), "not_now": _not_now()}


def _not_now() -> str:
    """Return why nothing is exported at present, "" when it is."""
    try:
        policies.log_is_current()
    except Refused as refused:
        return refused.sentence
    return ""


def waiting_for(actor: Actor) -> int:
    """Return how many requests of the agency wait for this person's decision."""
    asked = ExportRequest.objects.filter(agency=actor.agency or "", state=ExportRequest.State.ASKED)
    return asked.exclude(requester=actor.id).count()


def kind_of(request: HttpRequest) -> tuple[str, dict[str, str]]:
    """Return which kind is asked for, and what a link from another page fills in."""
    query = request.GET
    for name, (kind, field) in GIVEN.items():
        if query.get(name):
            return kind, {field: query[name]}
    kind = request.POST.get("kind") or query.get("kind") or "actor"
    kind = kind if kind in forms.OWN else "actor"
    names = forms.OWN[kind]
    given = {field: query[field] for field in names if query.get(field)}
    if query.get("subject"):
        given[names[0]] = query["subject"]
    return kind, given


def one(request: HttpRequest, row: ExportRequest, refusing: forms.RefuseForm) -> dict[str, Any]:
    """Return what the page of one request shows, and what this person may do with it."""
    who = current_actor().id
    asked = row.state == "asked"
    told = words.tell(row)
    if asked and who != row.requester:
        told = replace(told, next=_("It waits for your decision: approve or refuse it on this page."))
    return {
        "told": told,
        "row": row,
        "proves": words.proves(row),
        "counted": asking.quick_count(row, log.size()) if asked else None,
        "size": words.size(row),
        "missing": words.missing(row),
        "refusing": refusing,
        "may_decide": asked and who != row.requester,
        "own": who == row.requester,
        "may_stop": who == row.requester and row.state in ("asked", "approved", "building"),
        "reads_log": in_group(request.user, *READERS),
        "history": f"{reverse('audit')}?q={quote(f'object:export:{row.name}')}",
    }
