"""One door: it takes a document and says what it is, and keeps nothing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from deployments import documents


def upload(request: HttpRequest, name: str) -> HttpResponse:
    """Say the digest of what arrived, and in what kind of file it was."""
    file = request.FILES.get("document")
    document = documents.check(file.read() if file else b"")
    return JsonResponse(
        {"sha256": document.sha256, "kind": type(file).__name__, "typed": request.POST["typed"]}
    )


def ready(request: HttpRequest) -> HttpResponse:
    """Say that it runs."""
    return HttpResponse(b"ready")


urlpatterns = [path("deployments/<str:name>/consent/document/", upload), path("ready/", ready)]
