"""The demonstration's CAD: takes what the outbox sends, and shows it. Demo and test only, in memory only."""

import hmac
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from csoc.lib import clock
from csoc.lib.errors import Misuse

MOST = 30
MAX_BYTES = 65_536


@dataclass(slots=True)
class Arrived:
    """One document, and how often it came under its key."""

    key: str
    at: datetime
    media_type: str
    text: str
    times: int = 1


class Desk:
    """What has arrived since the web process began, newest last; and whether it takes anything now."""

    def __init__(self) -> None:
        self.arrived: OrderedDict[str, Arrived] = OrderedDict()
        self.busy = False

    def take(self, key: str, media_type: str, text: str) -> int:
        """Take one document, or the same again; returns the status."""
        if self.busy:
            return 503
        if key in self.arrived:
            self.arrived[key].times += 1
            return 200
        self.arrived[key] = Arrived(key, clock.now(), media_type, text)
        while len(self.arrived) > MOST:
            self.arrived.popitem(last=False)
        return 201


desk = Desk()


def _only_here() -> None:
    if not settings.IS_DEMO:
        raise Misuse("There is no demonstration CAD in production.")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def cad(request: HttpRequest) -> HttpResponse:
    """Everything that arrived, newest first; a POST makes it busy, or take again."""
    _only_here()
    if request.method == "POST":
        desk.busy = request.POST.get("busy") == "on"
        return redirect("demo-cad")
    shown: dict[str, Any] = {"arrived": list(reversed(desk.arrived.values())), "busy": desk.busy}
    return render(request, "alerts/demo_cad.html", shown)


@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """Take one document from the outbox; 401 without its token, 503 while it plays busy."""
    _only_here()
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {_token()}".encode()):
        return HttpResponse(status=401)
    body = request.body
    if len(body) > MAX_BYTES:
        return HttpResponse(status=413)
    key = request.headers.get("Idempotency-Key", "")[:80]
    return HttpResponse(status=desk.take(key, request.content_type or "", body.decode("utf-8", "replace")))


def _token() -> str:
    return Path(settings.CAD_TOKEN_FILE).read_text("ascii").strip() if settings.CAD_TOKEN_FILE else ""
