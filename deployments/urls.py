"""Addresses of deployments."""

from django.urls import path

from deployments import api, views

urlpatterns = [
    path("api/v1/deployments/", api.DeploymentList.as_view(), name="deployments"),
    path("deployments/<str:name>/", views.deployment_page, name="deployment-page"),
    path("api/v1/deployments/<str:name>/", api.DeploymentRead.as_view(), name="deployment-read"),
    path("api/v1/deployments/<str:name>/deactivate/", api.Deactivate.as_view(), name="deployment-deactivate"),
]
