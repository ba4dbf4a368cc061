"""Addresses of the log."""

from django.urls import include, path

from audit import api, views
from audit.reviewing import views as review_views
from audit.witnessing import views as witness_views

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
    path("audit/witnesses/", witness_views.witnesses_page, name="audit-witnesses"),
    path("audit/witnesses/<str:key_id>/request/", witness_views.request_file, name="audit-witness-request"),
    path("audit/witnesses/<str:key_id>/answer/", witness_views.hand_in, name="audit-witness-answer"),
    path("audit/witnesses/files/<int:file_id>/", witness_views.download, name="audit-witness-file"),
    path("audit/witnesses/files/<int:file_id>/code.svg", witness_views.picture, name="audit-witness-picture"),
    path("audit/pruning/<int:partition>/", witness_views.ask_pruning, name="audit-pruning-ask"),
    path("audit/pruning/<int:partition>/agree/", witness_views.approve_pruning, name="audit-pruning-approve"),
    path("api/v1/audit/entries/", api.Entries.as_view(), name="api-audit-entries"),
]
