"""Addresses of the log."""

from django.urls import include, path

from audit import api, review_views, views

urlpatterns = [
    path("audit/", views.log_page, name="audit"),
    path("audit/strip/", views.strip_fragment, name="audit-strip"),
    path("audit/questions/", views.keep_question, name="audit-questions"),
    path("audit/entries/<int:idx>/verify/", views.verify_entry, name="audit-verify"),
    path("audit/entries/<int:idx>/proof/", views.proof_file, name="audit-proof"),
    path("audit/person/<path:key>/", views.person_page, name="audit-person"),
    path("audit/object/<path:key>/", views.object_page, name="audit-object"),
    path("audit/reviews/", review_views.review_page, name="audit-reviews"),
    path("audit/reviews/<int:review_id>/decide/", review_views.decide, name="audit-review-decide"),
    path("", include("audit.exports.urls")),
    path("api/v1/audit/entries/", api.Entries.as_view(), name="api-audit-entries"),
]
