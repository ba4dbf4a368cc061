"""The trailers' own routes."""

from django.urls import path

from . import api

urlpatterns = [
    path("api/v1/enrolment/", api.EnrolmentView.as_view(), name="device-enrolment"),
    path("api/v1/keys/", api.KeysView.as_view(), name="device-keys"),
    path("api/v1/desired/", api.DesiredView.as_view(), name="device-desired"),
]
