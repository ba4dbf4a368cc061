"""Addresses of the vault."""

from django.urls import path

from vault import views

urlpatterns = [path("retention/", views.retention_page, name="retention")]
