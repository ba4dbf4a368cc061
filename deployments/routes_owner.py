"""Addresses of the owner's private link, and of the applicant's part in it."""

from django.urls import path

from deployments.owner import views
from deployments.pages import linking

urlpatterns = [
    path("consent/<str:token>/", views.start, name="owner-link"),
    path("consent/<str:token>/send/", views.send, name="owner-send"),
    path("consent/<str:token>/code/", views.code, name="owner-code"),
    path("consent/<str:token>/check/", views.check, name="owner-check"),
    path("consent/<str:token>/page/", views.page, name="owner-page"),
    path("consent/<str:token>/yes/", views.give, name="owner-give"),
    path("consent/<str:token>/no/", views.decline, name="owner-decline"),
    path("consent/<str:token>/withdraw/", views.withdraw, name="owner-withdraw"),
    path("consent/<str:token>/progress/", views.progress, name="owner-progress"),
    path("consent/<str:token>/agreed/", views.agreed, name="owner-agreed"),
    path("consent/<str:token>/receipt/", views.receipt, name="owner-receipt"),
    path("deployments/<str:name>/consent/link/", linking.send_link, name="deployment-link"),
    path("deployments/<str:name>/consent/link/state/", linking.link_state, name="deployment-link-state"),
    path("deployments/<str:name>/consent/link/end/", linking.end_link, name="deployment-link-end"),
]
