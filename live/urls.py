"""Addresses of live view."""

from django.urls import path

from live import api, media_api

urlpatterns = [
    path("api/v1/live/status/", api.LiveStatus.as_view(), name="live-status"),
    path("api/v1/alerts/<uuid:alert_id>/live-view/", api.OpenLiveView.as_view(), name="live-view"),
    path("api/v1/live/<uuid:session_id>/", api.LiveView.as_view(), name="live-session"),
    path("api/v1/live/<uuid:session_id>/extend/", api.ExtendLiveView.as_view(), name="live-extend"),
    path("api/v1/live/<uuid:session_id>/close/", api.CloseLiveView.as_view(), name="live-close"),
    path("internal/media/auth/", media_api.media_auth, name="media-auth"),
    path("internal/media/lease/", media_api.media_lease, name="media-lease"),
    path("gateway/<path:rest>", media_api.media_through, name="gateway"),
]
