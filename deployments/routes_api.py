"""Addresses of the deployments API."""

from django.urls import path

from deployments import api

BASE = "api/v1/deployments/"
ACTS = {
    "submit": api.Submit,
    "authorise": api.Authorise,
    "refuse": api.Refuse,
    "return": api.Return,
    "reopen": api.Reopen,
    "withdraw": api.Withdraw,
    "activate": api.Activate,
    "deactivate": api.Deactivate,
    "renew": api.Renew,
    "review": api.Review,
    "tighten": api.Tighten,
}

urlpatterns = [
    path(BASE, api.DeploymentList.as_view(), name="deployments"),
    path(f"{BASE}<str:name>/", api.DeploymentRead.as_view(), name="deployment-read"),
    *(
        path(f"{BASE}<str:name>/{act}/", view.as_view(), name=f"deployment-api-{act}")
        for act, view in ACTS.items()
    ),
]
