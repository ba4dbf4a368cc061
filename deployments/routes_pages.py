"""Addresses of the applicant's pages."""

from django.urls import path

from deployments import views

urlpatterns = [
    path("deployments/<str:name>/", views.deployment_page, name="deployment-page"),
]
