"""Sockets for people."""

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.security.websocket import OriginValidator
from django.conf import settings
from django.urls import path

from alerts.consumers import BoardConsumer


class SameOrigin(OriginValidator):  # type: ignore[misc]
    """Refuse a browser page of another origin. Programs send no Origin and have no cookie to steal."""

    def valid_origin(self, parsed_origin: Any) -> bool:
        """True for our own origin and for none."""
        return parsed_origin is None or super().valid_origin(parsed_origin)


def _origins() -> list[str]:
    return [settings.PUBLIC_URL, *settings.ALLOWED_HOSTS]


people_socket_urls = [
    path("ws/live/", SameOrigin(AuthMiddlewareStack(BoardConsumer.as_asgi()), _origins())),
]
