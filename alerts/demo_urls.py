"""Demonstration only: make a simulated trailer raise a real signed alert."""

from django.urls import path

from alerts import demo

urlpatterns = [path("simulate/", demo.Simulate.as_view(), name="demo-simulate")]
