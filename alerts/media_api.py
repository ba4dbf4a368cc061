"""Clips and crops over HTTP: a trailer puts them, a person looks at or listens to them after an entry."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from alerts import refusals, selectors, services
from alerts.media import crop, reading, wav
from alerts.models import AlertMedia
from csoc.lib.errors import Refused
from trailers.doors import DeviceView, signed_by

#: Whoever opens the file itself gets a file, and nothing that runs.
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


class _MediaDoor(DeviceView):
    """``PUT``, signed: the bytes that an accepted alert announced. 201 new, 200 the same again.

    Signed refusals become entries; whoever is asked to come again was not refused.
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Its length comes first: a body that does not say how long it is has no end."""
        if request.method == "PUT" and not request._request.META.get("CONTENT_LENGTH"):
            raise Refused("too-large", _("Announce the body's size with Content-Length."), 413)
        super().initial(request, *args, **kwargs)

    def count(self, refused: Refused) -> None:
        """Count a row of its minute, which becomes an entry and then joins its hour: once, not in both."""
        if self.trailer is None or refused.status >= 500:
            super().count(refused)
        else:
            refusals.count_refusals(actor=self.trailer, code=refused.code, numbers=[None])

    def take(self, request: Request, receive: Callable[..., bool], alert_id: UUID) -> Response:
        """Hand the body to its service."""
        new = receive(actor=signed_by(request).trailer, alert_id=alert_id, body=request._request.body)
        return Response(status=201 if new else 200)


class ClipDoor(_MediaDoor):
    """``PUT /api/v1/alerts/{id}/clip``."""

    max_bytes = wav.MAX_BYTES
    media_type = "audio/wav"

    @extend_schema(request={"audio/wav": OpenApiTypes.BINARY}, responses={200: None, 201: None})
    def put(self, request: Request, alert_id: UUID) -> Response:
        """Take the clip of a gunshot."""
        return self.take(request, services.receive_clip, alert_id)


class CropDoor(_MediaDoor):
    """``PUT /api/v1/alerts/{id}/crop``."""

    max_bytes = crop.MAX_BYTES
    media_type = "image/jpeg"

    @extend_schema(request={"image/jpeg": OpenApiTypes.BINARY}, responses={200: None, 201: None})
    def put(self, request: Request, alert_id: UUID) -> Response:
        """Take the crop of a plate."""
        return self.take(request, services.receive_crop, alert_id)


def _ref(request: Request, alert_id: UUID) -> audit.Ref:
    return audit.Ref("alert", str(alert_id), request.user.person.agency.code)


def _file(request: Request, alert_id: UUID, kind: str, media_type: str, name: str) -> HttpResponse:
    """Return the file of an alert this person may read; under a break-glass the entry names it."""
    alert, glass = selectors.readable_alert(request.user, alert_id)
    response = HttpResponse(reading.opened(alert, kind), content_type=media_type, headers=_HEADERS)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response.audit_parent = glass and glass.entry  # type: ignore[attr-defined]
    return response


class _File(APIView):
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """A file is what it is, whatever a player says it accepts; its errors are problems."""
        return super().perform_content_negotiation(request, force=True)


class Clip(_File):
    """``GET /api/v1/alerts/{id}/clip/``: the clip, to be heard: an audited view."""

    @extend_schema(responses={(200, "audio/wav"): OpenApiTypes.BINARY})
    @audit.guard("clip.play", object=_ref)
    def get(self, request: Request, alert_id: UUID) -> HttpResponse:
        """Return the WAV file."""
        return _file(request, alert_id, AlertMedia.Kind.CLIP, "audio/wav", f"clip-{alert_id}.wav")


class Crop(_File):
    """``GET /api/v1/alerts/{id}/crop/``: the picture of the plate: an audited view."""

    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    @audit.guard("crop.view", object=_ref)
    def get(self, request: Request, alert_id: UUID) -> HttpResponse:
        """Return the JPEG file."""
        return _file(request, alert_id, AlertMedia.Kind.CROP, "image/jpeg", f"crop-{alert_id}.jpg")
