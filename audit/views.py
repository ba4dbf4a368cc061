"""The privacy officer's page."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from audit import permissions, questions, selectors, sentences
from audit.context import current_actor
from audit.entry import Ref
from audit.guard import guard
from audit.verbs import VERBS

PAGE_ROWS = 50


def log_ref(request: Any, **kwargs: Any) -> Ref:
    """Return what a reader reads: the log, as far as their agency may see it."""
    return Ref("log", "audit", current_actor().agency or "")


#: Questions asked so often that they have a button: (words, query).
SAVED = [
    (_("Live views"), {"verb": "video.live.*"}),
    (_("Looks at details"), {"verb": "alert.view"}),
    (_("Sign-ins"), {"verb": "auth.*"}),
    (_("Purges"), {"verb": "purge.*"}),
    (_("Readings of this log"), {"verb": "audit.*"}),
]


@require_GET
@guard("audit.view", object=log_ref)
def log_page(request: HttpRequest) -> HttpResponse:
    """Show entries newest first; reading them is an entry itself."""
    permissions.require_reader(request.user)
    wanted = questions.parse(request.GET)
    found = selectors.entries(wanted, PAGE_ROWS + 1)
    kept = {key: value for key, value in request.GET.items() if key != "before"}
    older = urlencode({**kept, "before": found[PAGE_ROWS - 1].idx}) if len(found) > PAGE_ROWS else ""
    page = {
        "rows": [sentences.tell(row) for row in found[:PAGE_ROWS]],
        "older": older,
        "asked": kept,
        "paged": wanted.before is not None,
        "verbs": sorted(VERBS),
        "saved": [(str(words), urlencode(query)) for words, query in SAVED],
        "status": selectors.sealed_status(),
    }
    response = render(request, "audit/log.html", page)
    response.audit_n = len(page["rows"])  # type: ignore[attr-defined]
    return response
