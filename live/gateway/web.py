"""The gateway's HTTP doors: WHIP and WHEP for peers, MediaMTX's session API for the console."""

from __future__ import annotations

import hmac
import logging
import re
import uuid

from aiohttp import web

from live.gateway.hooks import SECRET_HEADER, Request
from live.gateway.offers import BadOffer, offered_username, read_offer
from live.gateway.sessions import Full, Refused, Registry, Session

log = logging.getLogger("gateway.web")

ACTIONS = {"whip": "publish", "whep": "read"}
PATH = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_OFFER_BYTES = 64 * 1024
REGISTRY: web.AppKey[Registry] = web.AppKey("registry", Registry)
PROTOCOL = r"{path:[A-Za-z0-9_-]+}/{protocol:whip|whep}"


def make_app(registry: Registry) -> web.Application:
    """The application; starts and stops the registry with itself."""
    app = web.Application(client_max_size=MAX_OFFER_BYTES)
    app[REGISTRY] = registry
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/v3/webrtcsessions/list", list_sessions),
            web.post("/v3/webrtcsessions/kick/{id}", kick_session),
            web.post(f"/{PROTOCOL}", open_session),
            web.options(f"/{PROTOCOL}", options),
            web.patch(f"/{PROTOCOL}/{{secret}}", trickle),
            web.delete(f"/{PROTOCOL}/{{secret}}", delete_session),
            web.options(f"/{PROTOCOL}/{{secret}}", options),
        ]
    )

    async def run(_: web.Application):  # type: ignore[no-untyped-def]
        await registry.start()
        yield
        await registry.stop()

    app.cleanup_ctx.append(run)
    return app


def problem(status: int, detail: str, **headers: str) -> web.Response:
    """An error in MediaMTX's shape: JSON with one `error`."""
    return web.json_response({"status": "error", "error": detail}, status=status, headers=headers)


async def healthz(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "sessions": len(request.app[REGISTRY].sessions)})


async def options(request: web.Request) -> web.Response:
    """Pre-flight: what may be sent here. No hook is asked and nothing is spent."""
    headers = {
        "Allow": "OPTIONS, POST, PATCH, DELETE",
        "Accept-Post": "application/sdp",
        "Accept-Patch": "application/trickle-ice-sdpfrag",
    }
    return web.Response(status=204, headers=headers)


async def open_session(request: web.Request) -> web.Response:
    """POST an SDP offer with a Bearer token -> 201, Location (relative) and the SDP answer.

    Errors: 400 unusable offer, 401 no token or not approved, 413 too long, 415 not SDP, 503 full.
    """
    path, protocol = request.match_info["path"], request.match_info["protocol"]
    if not PATH.fullmatch(path):
        return problem(404, "no such path")
    if request.content_type != "application/sdp":
        return problem(415, "the body must be application/sdp")
    token = bearer(request)
    if not token:
        return problem(401, "a token is needed", **{"WWW-Authenticate": "Bearer"})
    try:
        offer = read_offer((await request.read()).decode("utf-8"), ACTIONS[protocol])
    except (BadOffer, UnicodeDecodeError) as error:
        return problem(400, str(error) if isinstance(error, BadOffer) else "the body is not UTF-8")
    wish = Request(
        id=str(uuid.uuid4()),
        action=ACTIONS[protocol],
        path=path,
        token=token,
        ip=remote_ip(request),
        query=request.query_string,
        user_agent=request.headers.get("User-Agent", "")[:200],
    )
    try:
        session, answer = await request.app[REGISTRY].open(wish, offer)
    except Full:
        return problem(503, "no free media port", **{"Retry-After": "2"})
    except Refused:
        return problem(401, "not approved", **{"WWW-Authenticate": "Bearer"})
    except ValueError as error:
        return problem(400, str(error))
    return created(protocol, session, answer)


def created(protocol: str, session: Session, answer: str) -> web.Response:
    headers = {
        # Relative to the request's own address, so that it is right behind any prefix.
        "Location": f"{protocol}/{session.secret}",
        "ETag": f'"{session.id}"',
        "ID": session.id,
        "Accept-Patch": "application/trickle-ice-sdpfrag",
        "Cache-Control": "no-store",
    }
    return web.Response(status=201, text=answer, content_type="application/sdp", headers=headers)


def bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and len(token) <= 512 else ""


def remote_ip(request: web.Request) -> str:
    """The peer's address; what the console forwards is believed only with the shared secret."""
    if has_secret(request):
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")[0].strip()
        if forwarded:
            return forwarded[:64]
    return request.remote or ""


def has_secret(request: web.Request) -> bool:
    expected = request.app[REGISTRY].settings.secret
    return hmac.compare_digest(request.headers.get(SECRET_HEADER, "").encode(), expected.encode())


def find(request: web.Request) -> Session | None:
    info = request.match_info
    return request.app[REGISTRY].by_secret(info["path"], ACTIONS[info["protocol"]], info["secret"])


async def trickle(request: web.Request) -> web.Response:
    """PATCH candidates: accepted and not needed, because the peer is the one that calls.

    Errors: 404 no such session, 415 not a fragment, 422 an ICE restart (open a new session instead).
    """
    if request.content_type != "application/trickle-ice-sdpfrag":
        return problem(415, "the body must be application/trickle-ice-sdpfrag")
    session = find(request)
    if session is None:
        return problem(404, "no such session")
    username = offered_username((await request.read()).decode("utf-8", "replace"))
    if username is not None and username != session.remote_ufrag:
        return problem(422, "ICE restart is not offered; open a new session")
    return web.Response(status=204)


async def delete_session(request: web.Request) -> web.Response:
    """End a session. 200 also when it is gone already: DTLS close usually arrives first."""
    session = find(request)
    if session is not None:
        request.app[REGISTRY].close(session, "ended by its peer")
    return web.Response(status=200)


async def list_sessions(request: web.Request) -> web.Response:
    """MediaMTX's `GET /v3/webrtcsessions/list`, all on one page."""
    if not has_secret(request):
        return problem(401, "authentication error")
    items = [session.wire() for session in request.app[REGISTRY].sessions.values()]
    return web.json_response({"itemCount": len(items), "pageCount": 1 if items else 0, "items": items})


async def kick_session(request: web.Request) -> web.Response:
    """MediaMTX's `POST /v3/webrtcsessions/kick/{id}`: 200, or 404 when it is already gone."""
    if not has_secret(request):
        return problem(401, "authentication error")
    if not request.app[REGISTRY].kick(request.match_info["id"]):
        return problem(404, "session not found")
    return web.json_response({"status": "ok"})
