"""Handing off over HTTP. What is shown or leaves as a file is an entry before a byte leaves."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from accounts.idempotency import once
from alerts import services
from alerts.api import VersionBody
from alerts.handoff import selectors
from alerts.handoff.facts import MAX_NOTE
from alerts.handoff.targets import MEDIA_TYPES
from alerts.handoff.wire import HandOffsWire, PreviewWire, ReceiptWire
from alerts.selectors import visible_alert
from csoc.lib.api import valid
from csoc.lib.wire import Problem


def _ref(request: Any, alert_id: UUID, **_rest: Any) -> audit.Ref:
    return audit.Ref("alert", str(alert_id), request.user.person.agency.code)


class HandOffBody(VersionBody):
    """Where to, and what the person adds. ``note`` and ``cad`` become part of the document."""

    target = serializers.ChoiceField(choices=["cad", "file"])
    note = serializers.CharField(max_length=MAX_NOTE, required=False, allow_blank=True, default="")
    cad = serializers.RegexField(
        r"\A[A-Za-z0-9][A-Za-z0-9 ./_-]{0,39}\Z", required=False, allow_blank=True, default=""
    )


class HandOffs(APIView):
    """``/api/v1/alerts/{id}/hand-off/``."""

    verb = "alert.hand_off"

    @extend_schema(responses=HandOffsWire)
    def get(self, request: Request, alert_id: UUID) -> Response:
        """Where it may go, and how far each hand-off is: no content."""
        return Response(selectors.hand_offs(visible_alert(request.user, alert_id)))

    @extend_schema(
        request=HandOffBody, responses={200: ReceiptWire, (409, "application/problem+json"): Problem}
    )
    @audit.guard(verb, object=_ref, acts=True)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Hand it off, or correct what was handed off; answers the receipt."""
        visible_alert(request.user, alert_id)
        values = valid(HandOffBody, request)
        answer = once(
            actor=request.user,
            key=request.headers.get("Idempotency-Key"),
            act=f"{self.verb}:{alert_id}",
            body=values,
            run=lambda: selectors.receipt_wire(
                services.hand_off_alert(actor=request.user, alert_id=alert_id, **values)
            ),
        )
        return Response(answer)


class Preview(APIView):
    """``GET /api/v1/alerts/{id}/hand-off/preview/``."""

    @extend_schema(responses=PreviewWire)
    @audit.guard("alert.view", object=_ref)
    def get(self, request: Request, alert_id: UUID) -> Response:
        """Show what would be sent, in words: an audited view."""
        alert = visible_alert(request.user, alert_id)
        return Response(selectors.preview(request.user, alert))


class Document(APIView):
    """``GET /api/v1/alerts/{id}/hand-off/{receipt}/cap.xml`` and ``eido.json``: one document as a file."""

    form = ""
    # A HEAD would settle the receipt of what nobody got.
    http_method_names = ("get", "options")

    @extend_schema(responses={200: OpenApiTypes.BINARY})
    @audit.guard("alert.hand_off_download", object=_ref)
    def get(self, request: Request, alert_id: UUID, receipt: UUID) -> HttpResponse:
        """Give it. Errors: Refused ``not-found``, ``detail-expired``."""
        content = services.fetch_document(
            actor=request.user, alert_id=alert_id, receipt=receipt, form=self.form
        )
        response = HttpResponse(content, content_type=MEDIA_TYPES[self.form])
        response["Content-Disposition"] = f'attachment; filename="hand-off-{receipt}-{self.form}"'
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "sandbox"
        return response
