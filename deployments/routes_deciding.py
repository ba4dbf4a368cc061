"""Addresses of deciding, and of a deployment that stands or stood."""

from django.urls import path

from deployments.pages import active, deciding, overview, reports, sharing, standing

urlpatterns = [
    path("deployments/overview/", overview.page, name="deployment-overview"),
    path("deployments/<str:name>/decide/", deciding.decide, name="deployment-decide"),
    path("deployments/<str:name>/decide/authorise/", deciding.authorise, name="deployment-authorise"),
    path("deployments/<str:name>/decide/return/", deciding.give_back, name="deployment-return"),
    path("deployments/<str:name>/decide/refuse/", deciding.refuse, name="deployment-refuse"),
    path("deployments/<str:name>/end/", standing.end, name="deployment-end"),
    path("deployments/<str:name>/review/", standing.review, name="deployment-review"),
    path("deployments/<str:name>/tighten/", standing.tighten, name="deployment-tighten"),
    path("deployments/<str:name>/renew/", standing.renew, name="deployment-renew"),
    path("deployments/<str:name>/share/", sharing.share, name="deployment-share"),
    path("deployments/<str:name>/unshare/", sharing.unshare, name="deployment-unshare"),
    path("deployments/<str:name>/report/", reports.page, name="deployment-report"),
    path("deployments/<str:name>/report.pdf", reports.pdf, name="deployment-report-pdf"),
    path("deployments/<str:name>/confirmation/", active.confirmation, name="deployment-confirmation"),
]
