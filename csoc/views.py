"""Doors that belong to no app: health, and what a lost CSRF token says."""

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from csoc.lib.problems import problem, wants_json
from vault.selectors import overdue


def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: the process answers."""
    return JsonResponse({"alive": True})


def readyz(request: HttpRequest) -> HttpResponse:
    """Ready: an alert can be taken, which needs PostgreSQL and nothing else.

    ``purge_overdue`` is the watchdog that needs no Celery: something outlived 47 h 30.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"ready": True, "env": settings.ENV.env, "purge_overdue": overdue()})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say what to do when the page's token is too old or missing."""
    sentence = _("This page is too old to act from. Reload it and try again.")
    if wants_json(request):
        return problem("csrf", sentence, 403)
    return render(request, "refused.html", {"sentence": sentence}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404, as a problem or a page."""
    sentence = _("There is nothing here that you may see.")
    if wants_json(request):
        return problem("not-found", sentence, 404)
    return render(request, "refused.html", {"sentence": sentence}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault, said plainly, with nothing of the request in it."""
    sentence = _("The console failed here. Nothing was changed. Try again, and tell your supervisor.")
    if wants_json(request):
        return problem("failed", sentence, 500)
    return render(request, "refused.html", {"sentence": sentence}, status=500)
