"""Addresses of deciding, and of a deployment that stands or stood."""

from django.urls import path

from deployments.pages import deciding

urlpatterns = [
    path("deployments/<str:name>/decide/", deciding.decide, name="deployment-decide"),
    path("deployments/<str:name>/decide/authorise/", deciding.authorise, name="deployment-authorise"),
    path("deployments/<str:name>/decide/return/", deciding.give_back, name="deployment-return"),
    path("deployments/<str:name>/decide/refuse/", deciding.refuse, name="deployment-refuse"),
]
