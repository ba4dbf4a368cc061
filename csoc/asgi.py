"""ASGI entry: pages and the API over HTTP, people's and trailers' sockets."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csoc.settings")

from django.core.asgi import get_asgi_application

_http = get_asgi_application()

# Consumers import models, so they come after Django is set up.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from alerts.routing import people_socket_urls  # noqa: E402
from trailers.routing import websocket_urlpatterns as trailer_socket_urls  # noqa: E402

application = ProtocolTypeRouter(
    {"http": _http, "websocket": URLRouter([*trailer_socket_urls, *people_socket_urls])}
)
