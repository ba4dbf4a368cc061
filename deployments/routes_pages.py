"""Addresses of the applicant's pages. The list and the map come before ``<name>``."""

from django.urls import path

from deployments import views
from deployments.pages import applying, listing, sending
from deployments.selectors import SECTIONS

BASE = "deployments/"
ONE = f"{BASE}<str:name>/"

urlpatterns = [
    path(BASE, listing.list_page, name="deployments-list"),
    path(f"{BASE}map/", listing.map_page, name="deployments-map"),
    path(f"{BASE}new/", sending.new_page, name="deployment-new"),
    path(ONE, views.deployment_page, name="deployment-page"),
    *(
        path(f"{ONE}{section}/", applying.section_page(section), name=f"deployment-{section}")
        for section in SECTIONS
        if section != "consent"
    ),
    path(f"{ONE}consent/", applying.consent_page, name="deployment-consent"),
    *(
        path(f"{ONE}{section}/keep/", applying.keep_typed(section), name=f"deployment-{section}-keep")
        for section in SECTIONS
    ),
    path(f"{ONE}consent/document/", applying.consent_document, name="deployment-consent-document"),
    path(f"{ONE}check/", sending.check_page, name="deployment-check"),
    path(f"{ONE}send/", sending.send, name="deployment-send"),
    path(f"{ONE}take-back/", sending.take_back, name="deployment-take-back"),
    path(f"{ONE}withdraw/", sending.withdraw, name="deployment-withdraw"),
]
