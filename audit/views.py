"""The privacy officer's page."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from audit import permissions, questions, selectors, sentences
from audit.context import current_actor
from audit.entry import Ref
from audit.guard import guard
from audit.models import Entry
from audit.verbs import VERBS
from csoc.lib import clock

PAGE_ROWS = 50
FIELDS = ("actor", "object", "verb", "since")


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
    wanted, chosen_idx = questions.parse(request.GET), questions.index(request.GET, "entry")
    found = selectors.entries(wanted, PAGE_ROWS + 1)
    chosen = selectors.entry(chosen_idx) if chosen_idx is not None else None
    page = _page(request, found, chosen)
    response = render(request, "audit/log.html", page)
    response.audit_n = len(page["rows"])  # type: ignore[attr-defined]
    return response


def _page(request: HttpRequest, found: list[Entry], chosen: Entry | None) -> dict[str, Any]:
    asked = {key: value for key, value in request.GET.items() if key in FIELDS and value}
    here = asked | ({"before": request.GET["before"]} if request.GET.get("before") else {})
    rows = [_row(row, here) for row in found[:PAGE_ROWS]]
    return {
        "rows": rows,
        "older": urlencode(asked | {"before": rows[-1]["idx"]}) if len(found) > PAGE_ROWS else "",
        "asked": asked,
        "chosen": _row(chosen, here) if chosen else None,
        "details": selectors.details(chosen) if chosen else [],
        "verbs": sorted(VERBS),
        "saved": [(words, urlencode(query), query == asked) for words, query in SAVED],
        "status": _status(),
        "zone": clock.now().astimezone(_zone()).tzname(),
    }


def _row(row: Entry, here: dict[str, Any]) -> dict[str, Any]:
    """Return one entry as told, with the addresses a reader goes to from it."""
    told = sentences.tell(row)
    names = ("idx", "at", "day", "time", "who", "what", "why", "outcome", "entry", "line", "leaf")
    return {
        **{name: getattr(told, name) for name in names},
        "actor_id": told.actor_id,
        "object_key": told.object_key,
        "link": urlencode(here | {"entry": told.idx}),
        "actor_link": urlencode({"actor": told.actor_id}),
        "object_link": urlencode({"object": told.object_key}),
    }


def _status() -> dict[str, Any]:
    status = selectors.sealed_status()
    if status["sealed_at"]:
        status["time"] = f"{datetime.fromisoformat(status['sealed_at']).astimezone(_zone()):%H:%M:%S}"
    return status


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.LOCAL_TIME_ZONE)
