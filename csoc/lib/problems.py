"""Problem documents (RFC 9457): the one shape of every API error, and of every refusal on a page."""

import json
import logging
import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout
from rest_framework import exceptions as drf

from csoc.lib.errors import LogDown, Refused, nothing_here

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "2"


def problem(code: str, sentence: str, status: int, **extra: Any) -> HttpResponse:
    """Return one problem document; ``extra`` become members of it."""
    body = {
        "type": f"/problems/{code}",
        "title": code.replace("-", " "),
        "status": status,
        "detail": sentence,
        **extra,
    }
    response = HttpResponse(json.dumps(body, ensure_ascii=False), status=status, content_type=MEDIA_TYPE)
    if status in (429, 503):
        response["Retry-After"] = RETRY_AFTER_S
    response["Cache-Control"] = "no-store"
    return response


def refused(error: Refused) -> HttpResponse:
    """Return the problem document of a refusal."""
    return problem(error.code, error.sentence, error.status, **error.extra)


def _errors_of(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """Flatten DRF's error tree to pointers and codes; the values sent are never echoed."""
    if isinstance(detail, dict):
        return [
            row
            for key, value in detail.items()
            for row in _errors_of(value, pointer if key == "non_field_errors" else f"{pointer}/{key}")
        ]
    if isinstance(detail, list):
        return [row for value in detail for row in _errors_of(value, pointer)]
    return [{"pointer": pointer, "code": getattr(detail, "code", "invalid")}]


def _known(error: Exception) -> HttpResponse | None:
    """Return the problem document of an error that has one, else None."""
    match error:
        case Refused():
            return refused(error)
        case Http404() | drf.NotFound():
            return refused(nothing_here())
        case drf.MethodNotAllowed():
            return problem("method-not-allowed", _("This address does not take that method."), 405)
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return problem("signed-out", _("Sign in first."), 401)
        case drf.UnsupportedMediaType():
            return problem("media-type", _("Send application/json."), 415)
        case RequestDataTooBig():
            return problem("too-large", _("The body is too large."), 413)
        case drf.ValidationError():
            return problem("schema", _("Some fields are not right."), 422, errors=_errors_of(error.detail))
        case drf.PermissionDenied() | PermissionDenied():
            return problem("not-permitted", _("Your role does not include this."), 403)
        case drf.Throttled():
            return problem("slow-down", _("Too many requests. Wait and try again."), 429)
        case drf.APIException():
            return problem("bad-request", str(error.detail), error.status_code)
        case LogDown():
            log.error("the audit log takes no entry: %s", type(error.__cause__).__name__)
            return problem("log-down", _("The log is down: nothing was done or shown. Act by radio."), 500)
        case OperationalError() | PoolTimeout():
            log.error("database unavailable: %s", type(error).__name__)
            return problem("unavailable", _("The database does not answer. Try again in a moment."), 503)
    return None


def database_away(error: BaseException | None) -> HttpResponse | None:
    """Return the 503 of an error that means "no database", else None.

    For what fails above every view, such as reading the session: there Django knows only 500.
    """
    return _known(error) if isinstance(error, OperationalError | PoolTimeout) else None


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's handler: every known error becomes a problem document; unknown ones stay 500s."""
    return _known(error)


class RefusedMiddleware:
    """Turn a refusal, a dead log or a lost database outside DRF into a problem (API) or a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        # A form's own address, opened again after a press: a browser would show an empty page of its own.
        bare = answer.status_code == 405 and request.method == "GET" and not answer.content
        return answer if not bare or wants_json(request) else _only_a_form(request, answer)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer the errors that have a sentence; leave the rest to Django."""
        if not isinstance(error, Refused | LogDown | OperationalError | PoolTimeout):
            return None
        answer = _known(error)
        if answer is None or wants_json(request):
            return answer
        told = json.loads(answer.content)
        shown = {"sentence": told["detail"], "break_glass": told.get("break_glass")}
        return render(request, "refused.html", shown, status=answer.status_code)


def _only_a_form(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    sentence = _("This address only takes what its form sends. Nothing was changed. Go back to the page.")
    told = render(request, "refused.html", {"sentence": sentence, "up": _up(request.path)}, status=405)
    told["Allow"], told["Cache-Control"] = answer["Allow"], "no-store"
    return told


def _up(path: str) -> str:
    """Return the page of a deployment above an address, "" elsewhere."""
    found = re.match(r"/deployments/DEP-[0-9]{4}-[0-9]{4,6}(\.[1-9][0-9]{0,2})?/(?=.)", path)
    return found[0] if found else ""


def wants_json(request: HttpRequest) -> bool:
    """True for the API's addresses and for scripts of our pages."""
    machine = request.path.startswith(("/api/", "/internal/", "/gateway/", "/demo/"))
    return machine or "application/json" in request.headers.get("Accept", "")
