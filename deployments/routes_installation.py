"""Addresses of the installation checklist."""

from django.urls import path

from deployments.pages import installation
from deployments.pages import installation_api as api

PAGE = "deployments/<str:name>/installation/"
API = "api/v1/deployments/<str:name>/installation/"

urlpatterns = [
    path(PAGE, installation.installation, name="deployment-installation"),
    path(f"{PAGE}open/", installation.open_window, name="deployment-installation-open"),
    path(f"{PAGE}record/", installation.record, name="deployment-installation-record"),
    path(f"{PAGE}test-alert/", installation.ask, name="deployment-installation-ask"),
    path(f"{PAGE}complete/", installation.complete, name="deployment-installation-complete"),
    path(f"{PAGE}activate/", installation.activate, name="deployment-installation-activate"),
    path(API, api.InstallationDoor.as_view(), name="deployment-api-installation"),
    path(f"{API}check/", api.RecordPoint.as_view(), name="deployment-api-installation-check"),
    path(f"{API}test-alert/", api.AskForTest.as_view(), name="deployment-api-installation-test"),
    path(f"{API}complete/", api.CompleteInstallation.as_view(), name="deployment-api-installation-complete"),
]
