"""The trailers' own routes, below `/api/v1/`."""

from django.urls import path

from . import api

urlpatterns = [
    path("enrolment/", api.EnrolmentView.as_view(), name="device-enrolment"),
    path("keys/", api.KeysView.as_view(), name="device-keys"),
    path("desired/", api.DesiredView.as_view(), name="device-desired"),
    path("telemetry/", api.TelemetryView.as_view(), name="device-telemetry"),
]
