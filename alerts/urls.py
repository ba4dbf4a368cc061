"""Addresses of alerts and the live board."""

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from alerts import api, device_api, views

urlpatterns = [
    path("live/", views.board, name="live"),
    path("alerts/<uuid:alert_id>/", views.alert_page, name="alert-page"),
    path("api/v1/live/snapshot/", api.Snapshot.as_view(), name="live-snapshot"),
    path("api/v1/live/shift/", api.StartShift.as_view(), name="live-shift"),
    path("api/v1/alerts/", csrf_exempt(device_api.AlertDoor.as_view()), name="device-alerts"),
    path("api/v1/alerts/bulk/", csrf_exempt(device_api.BulkAlertDoor.as_view()), name="device-alerts-bulk"),
    path("api/v1/alerts/<uuid:alert_id>/acknowledge/", api.Acknowledge.as_view(), name="acknowledge"),
    path("api/v1/alerts/<uuid:alert_id>/hand-back/", api.HandBack.as_view(), name="hand-back"),
    path("api/v1/alerts/<uuid:alert_id>/close/", api.Close.as_view(), name="close"),
    path("api/v1/alerts/<uuid:alert_id>/verify-plate/", api.VerifyPlate.as_view(), name="verify-plate"),
    path("api/v1/alerts/<uuid:alert_id>/note/", api.Note.as_view(), name="note"),
    path("api/v1/alerts/<uuid:alert_id>/detail/", api.Detail.as_view(), name="alert-detail"),
    path("api/v1/alerts/<uuid:alert_id>/timeline/", api.Timeline.as_view(), name="alert-timeline"),
]
