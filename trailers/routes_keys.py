"""Addresses of the register and of device keys, below `/fleet/`."""

from django.urls import path

from trailers.pages import keys, register

urlpatterns = [
    path("fleet/new/", register.new, name="trailer-new"),
    path("fleet/enrolment/", keys.enrolment, name="enrolment"),
    path("fleet/<str:name>/edit/", register.edit, name="trailer-edit"),
    path("fleet/<str:name>/keys/", keys.keys, name="trailer-keys"),
    path("fleet/<str:name>/keys/code/", keys.code, name="trailer-code"),
    path("fleet/<str:name>/keys/<int:n>/confirm/", keys.confirm, name="trailer-key-confirm"),
    path("fleet/<str:name>/keys/<int:n>/revoke/", keys.revoke, name="trailer-key-revoke"),
]
