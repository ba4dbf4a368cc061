"""Addresses of the fleet, below `/fleet/`. Fixed words come before `<name>`: no trailer is called by one."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.fleet_page, name="fleet"),
    path("<str:name>/", views.trailer_page, name="fleet-trailer"),
    path("<str:name>/warnings/<slug:kind>/", views.take_warning, name="fleet-warning"),
    path("<str:name>/ask/", views.ask, name="fleet-ask"),
]
