"""The gateway's doors: MediaMTX's authentication hook, the lease, and the way through to the gateway.

``/internal/…`` takes only the gateway's secret. ``/gateway/…`` takes no cookie at all: the token in the
request is judged by the gateway's own hook call, so there is one gate and not two.
"""

import hmac
import re
from typing import Any

import httpx
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

import audit
from csoc.lib import strictjson
from csoc.lib.errors import Refused
from csoc.lib.problems import problem
from live import gate, services

MAX_BODY = 65_536
MAX_LEASES = 2_000
MAX_ID = 64
TIMEOUT_S = 10.0
MEDIA_PATH = re.compile(r"^[A-Za-z0-9_-]{16,64}/(whep|whip)(/[A-Za-z0-9_-]{8,64})?\Z")
FORWARDED = ("authorization", "content-type", "if-match", "accept")
RETURNED = ("content-type", "location", "etag", "link", "accept-patch", "retry-after")


def _from_gateway(request: HttpRequest) -> dict[str, Any]:
    """Return the parsed body. Errors: Refused 403 without the gateway's secret."""
    given = request.headers.get("X-Gateway-Secret", "")
    if not hmac.compare_digest(given.encode(), settings.GATEWAY_SECRET.encode()):
        raise Refused("not-permitted", "Only the media gateway asks here.", 403)
    value = strictjson.loads(request.body)
    if not isinstance(value, dict):
        raise Refused("bad-json", "An object is expected.", 400)
    return value


@csrf_exempt
@require_POST
def media_auth(request: HttpRequest) -> HttpResponse:
    """MediaMTX's hook: any 2xx opens media. The body's names are MediaMTX's."""
    asked = _from_gateway(request)
    token, action, path = (str(asked.get(name) or "") for name in ("token", "action", "path"))
    gateway_id = str(asked["id"]) if asked.get("id") else None
    if gateway_id is not None and len(gateway_id) > MAX_ID:
        raise Refused("schema", "That is no id of a media session.", 422)
    if gate.admit(actor="gateway", token=token, action=action, path=path, gateway_id=gateway_id):
        return HttpResponse(status=204)
    return problem("not-permitted", "This token opens nothing.", 401)


@csrf_exempt
@require_POST
def media_lease(request: HttpRequest) -> HttpResponse:
    """The gateway's question every 2 s: which of these may go on."""
    sessions = _from_gateway(request).get("sessions")
    if not isinstance(sessions, list) or len(sessions) > MAX_LEASES:
        raise Refused("schema", "Send the list of sessions.", 422)
    present = {str(item.get("id") or "") for item in sessions if isinstance(item, dict)} - {""}
    actor = audit.system("lease")
    with audit.acting_as(actor):
        services.end_what_is_gone(actor=actor, present=present)
    return JsonResponse({"keep": gate.keep(present)})


_client: httpx.AsyncClient | None = None


def _gateway() -> httpx.AsyncClient:
    """One client per process: the web process has one event loop."""
    global _client
    if _client is None:
        _client = httpx.AsyncClient(base_url=settings.GATEWAY_URL, timeout=TIMEOUT_S)
    return _client


@csrf_exempt
async def media_through(request: HttpRequest, rest: str) -> HttpResponse:
    """Hand WHIP and WHEP on to the gateway; nothing but its own addresses goes through."""
    if not MEDIA_PATH.match(rest):
        return problem("not-found", "There is nothing here.", 404)
    if request.method not in ("POST", "PATCH", "DELETE", "OPTIONS"):
        return problem("method-not-allowed", "This address does not take that method.", 405)
    if len(request.body) > MAX_BODY:
        return problem("too-large", "The body is too large.", 413)
    headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
    try:
        answer = await _gateway().request(request.method, f"/{rest}", content=request.body, headers=headers)
    except httpx.HTTPError:
        return problem("unavailable", "The media gateway does not answer.", 503)
    response = HttpResponse(answer.content, status=answer.status_code)
    del response["Content-Type"]
    for name in RETURNED:
        if name in answer.headers:
            response[name] = answer.headers[name]
    return response
