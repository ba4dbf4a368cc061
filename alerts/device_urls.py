"""What trailers post, apart: csoc/handler.py resolves it without reading everybody else's addresses."""

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from alerts import device_api

urlpatterns = [
    path("api/v1/alerts/", csrf_exempt(device_api.AlertDoor.as_view()), name="device-alerts"),
    path("api/v1/alerts/bulk/", csrf_exempt(device_api.BulkAlertDoor.as_view()), name="device-alerts-bulk"),
]
