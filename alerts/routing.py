"""Sockets for people."""

from typing import Any
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.urls import path, re_path

from alerts.consumers import BoardConsumer


class Denied(WebsocketDenier):  # type: ignore[misc]
    """The upgrade is refused (403)."""

    # No layer of its own: channels would open one for each refusal.
    channel_layer_alias = "none"


class SameOrigin:
    """Refuse a browser page of another origin: one on another port of our own host gets our cookie, too.

    Programs send no Origin and have no cookie to steal.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        headers = dict(scope["headers"])
        ours = _is_ours(headers.get(b"origin"), headers.get(b"host", b""))
        return await (self.inner if ours else Denied.as_asgi())(scope, receive, send)


def _is_ours(origin: bytes | None, host: bytes) -> bool:
    """True for no Origin, for the address the socket was asked at, and for the public one."""
    if origin is None:
        return True
    scheme, _sep, netloc = origin.decode("latin-1").lower().partition("://")
    known = {host.decode("latin-1").lower(), urlsplit(settings.PUBLIC_URL).netloc.lower()} - {""}
    return scheme in ("http", "https") and netloc in known


people_socket_urls = [
    path("ws/live/", SameOrigin(AuthMiddlewareStack(BoardConsumer.as_asgi()))),
    # Without it an unknown address is an exception, written to the log as somebody typed it.
    re_path("", Denied.as_asgi()),
]
