"""Addresses of deployments."""

from django.urls import path

from deployments import api

urlpatterns = [
    path("api/v1/deployments/", api.DeploymentList.as_view(), name="deployments"),
    path("api/v1/deployments/<str:name>/deactivate/", api.Deactivate.as_view(), name="deployment-deactivate"),
]
