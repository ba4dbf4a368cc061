"""Demonstration only: make a simulated trailer raise a real signed alert; the CAD that takes hand-offs."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

from alerts import demo
from alerts.handoff import demo as handoff_demo

if not settings.IS_DEMO:
    raise ImproperlyConfigured("The demonstration's simulator and CAD cannot be mounted in production.")

urlpatterns = [
    path("simulate/", demo.Simulate.as_view(), name="demo-simulate"),
    path("cad/", handoff_demo.cad, name="demo-cad"),
    path("cad/receive/", handoff_demo.receive, name="demo-cad-receive"),
]
