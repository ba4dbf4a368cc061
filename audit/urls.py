"""Addresses of the log."""

from django.urls import path

from audit import api, views

urlpatterns = [
    path("audit/", views.log_page, name="audit"),
    path("api/v1/audit/entries/", api.Entries.as_view(), name="api-audit-entries"),
]
