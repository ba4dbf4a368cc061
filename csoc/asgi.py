"""ASGI entry: pages and the API over HTTP, people's and trailers' sockets."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csoc.settings")

from django.core.asgi import get_asgi_application

_stock = get_asgi_application()

# Consumers import models, so they come after Django is set up.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from alerts.routing import people_socket_urls  # noqa: E402
from csoc.handler import DeviceHandler, PooledHandler  # noqa: E402
from trailers.routing import websocket_urlpatterns as trailer_socket_urls  # noqa: E402

_pooled = PooledHandler()
_devices = DeviceHandler(_pooled)


async def _http(scope: Any, receive: Any, send: Any) -> None:
    """The way through to the media gateway is the one async view; it waits without holding a thread."""
    if scope["path"].startswith("/gateway/"):
        handler: Any = _stock
    else:
        handler = _devices if _devices.takes(scope) else _pooled
    await handler(scope, receive, send)


application = ProtocolTypeRouter(
    {"http": _http, "websocket": URLRouter([*trailer_socket_urls, *people_socket_urls])}
)
