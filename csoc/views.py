"""Doors that belong to no app: health, and what an unknown address, a lost token or our own fault says."""

import json
import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from csoc import health
from csoc.lib import problems
from csoc.lib.errors import Refused, nothing_here
from csoc.lib.problems import refused, wants_json
from vault.selectors import overdue


def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: the process answers."""
    return JsonResponse({"alive": True})


def readyz(request: HttpRequest) -> HttpResponse:
    """Ready: an alert can be taken, which needs PostgreSQL and nothing else.

    ``purge_overdue`` is the watchdog that needs no Celery: something outlived 47 h 30. ``sequencer`` and
    ``publisher`` say how the log's own processes are, ``ok`` or a code; entries are safe without them.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    told = {"ready": True, "env": settings.ENV.env, "purge_overdue": overdue()}
    return JsonResponse(told | {name: _health(look) for name, look in health.ONE.items()})


def _health(look: Callable[[Any], health.Finding | None]) -> str:
    try:
        with connection.cursor() as cursor:
            finding = look(cursor)
    except DatabaseError:
        return "unknown"
    return finding.code if finding else "ok"


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say what to do when the page's token is too old or missing."""
    sentence = _("This page is too old to act from. Reload it and try again.")
    return _told(request, Refused("csrf", sentence, 403))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400 of a request that no view saw (a Host that is not ours, say); it may not even have a session."""
    error = Refused("bad-request", _("The console cannot read this request."), 400)
    return (
        refused(error)
        if wants_json(request)
        else HttpResponse(error.sentence, content_type="text/plain", status=400)
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404, as a problem or a page."""
    return _told(request, nothing_here())


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault, said plainly, with nothing of the request in it; 503 where the database is away."""
    away = problems.database_away(sys.exc_info()[1])
    if away is not None:
        return away if wants_json(request) else _without_person(request, json.loads(away.content))
    sentence = _("The console failed here. Nothing was changed. Try again, and tell your supervisor.")
    return _told(request, Refused("failed", sentence, 500))


def _without_person(request: HttpRequest, told: dict[str, Any]) -> HttpResponse:
    """A page for when nobody's session can be read: no navigation, and the theme from its cookie."""
    shown = {
        "sentence": told["detail"],
        "request": {"COOKIES": request.COOKIES},
        "local_time_zone": settings.LOCAL_TIME_ZONE,
    }
    answer = HttpResponse(render_to_string("refused.html", shown), status=told["status"])
    answer["Cache-Control"] = "no-store"
    return answer


def _told(request: HttpRequest, error: Refused) -> HttpResponse:
    if wants_json(request):
        return refused(error)
    return render(request, "refused.html", {"sentence": error.sentence}, status=error.status)
