"""Addresses of the part named by this file; deployments/urls.py puts them together."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
