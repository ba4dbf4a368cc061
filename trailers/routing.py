"""WebSocket routes of trailers."""

from django.urls import path

from .consumers import CommandChannel

websocket_urlpatterns = [path("api/v1/channel/", CommandChannel.as_asgi())]
