"""Addresses of exports."""

from django.urls import path

from audit.exports import api, views

urlpatterns = [
    path("audit/exports/", views.exports_page, name="audit-exports"),
    path("audit/exports/ask/", views.ask, name="audit-export-ask"),
    path("audit/exports/<slug:name>/", views.export_page, name="audit-export"),
    path("audit/exports/<slug:name>/approve/", views.approve, name="audit-export-approve"),
    path("audit/exports/<slug:name>/refuse/", views.refuse, name="audit-export-refuse"),
    path("audit/exports/<slug:name>/withdraw/", views.withdraw, name="audit-export-withdraw"),
    path("audit/exports/<slug:name>/download/", views.download, name="audit-export-download"),
    path("api/v1/audit/exports/", api.Exports.as_view(), name="api-audit-exports"),
    path("api/v1/audit/exports/<slug:name>/", api.Export.as_view(), name="api-audit-export"),
    path(
        "api/v1/audit/exports/<slug:name>/decision/",
        api.ExportDecision.as_view(),
        name="api-audit-export-decide",
    ),
]
