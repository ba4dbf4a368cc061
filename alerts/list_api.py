"""Doors of the plate lists: the trailers' signed download, and a person's upload in pieces."""

import base64
import hashlib
import re
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotModified, StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from alerts import handing_out, policies, services
from alerts.importing import uploads
from alerts.models import HotlistUpload
from csoc.lib import clock
from csoc.lib.errors import Refused
from trailers.doors import DeviceView, signed_by

_SINCE = re.compile(r"[0-9]{1,16}\Z", re.ASCII)


class ListDownload(DeviceView):
    """``GET /api/v1/hotlist/?since=N``: JSON lines, whole or as a difference; 304 for what it has."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponseBase:
        """Hand out the list of the trailer's deployment. Errors: Refused 403, 404, 422, 429."""
        trailer, now = signed_by(request).trailer, clock.now()
        since = _since(request.GET.get("since"))
        cut = handing_out.cut_for(trailer, request.GET.get("list", ""), now)
        known = request.META.get("HTTP_IF_NONE_MATCH", "").split(",")
        # A proxy that packs what it passes on makes the tag a weak one.
        if cut.etag in (tag.strip().removeprefix("W/") for tag in known):
            return _labelled(HttpResponseNotModified(), cut)
        packed = "gzip" in request.META.get("HTTP_ACCEPT_ENCODING", "")
        answer = StreamingHttpResponse(handing_out.start(trailer, cut, since, now, packed=packed))
        answer["Content-Type"] = "application/jsonl"
        if packed:
            answer["Content-Encoding"] = "gzip"
        return _labelled(answer, cut)


def _labelled(answer: Any, cut: handing_out.Cut) -> Any:
    answer["ETag"] = cut.etag
    answer["Vary"] = "Accept-Encoding"
    return answer


def _since(text: str | None) -> int | None:
    if text is None:
        return None
    if not _SINCE.match(text):
        errors = [{"pointer": "/since", "code": "invalid"}]
        raise Refused("schema", _("“since” is the number of a version."), 422, errors=errors)
    return int(text)


def _upload_ref(request: Request, **kwargs: Any) -> audit.Ref:
    agency = request.user.person.agency
    named = HotlistUpload.objects.filter(pk=kwargs.get("upload_id", UUID(int=0)), agency=agency)
    return audit.Ref("hotlist", named.values_list("list_id", flat=True).first() or "new", agency.code)


class Uploads(APIView):
    """``POST /api/v1/hotlists/uploads/``: begin with the manifest, as JSON."""

    @extend_schema(request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    @audit.guard("hotlist.upload", object=_upload_ref, acts=True)
    def post(self, request: Request) -> Response:
        """Begin an upload. Errors: Refused 403, 409, 422."""
        upload = services.begin_upload(actor=request.user, manifest_bytes=request._request.body)
        return Response(uploads.wire(upload), status=201)


class Upload(APIView):
    """``GET /api/v1/hotlists/uploads/{id}/``: how far it is."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, upload_id: UUID) -> Response:
        """Tell which piece is next. Errors: Refused 403, 404."""
        policies.may_import(request.user)
        return Response(uploads.wire(_own(request, upload_id)))


class Piece(APIView):
    """``PUT /api/v1/hotlists/uploads/{id}/{n}/``: piece ``n`` from 0, with its ``Content-Digest``."""

    @extend_schema(request=OpenApiTypes.BINARY, responses=OpenApiTypes.OBJECT)
    def put(self, request: Request, upload_id: UUID, number: int) -> Response:
        """Keep one piece, sealed. Errors: Refused 400 ``bad-digest``, 403, 404, 409, 413."""
        policies.may_import(request.user)
        upload, raw = _own(request, upload_id), request._request.body
        _check_digest(request._request, raw)
        return Response(uploads.wire(uploads.add_chunk(upload, number, raw, clock.now())))


class Finish(APIView):
    """``POST /api/v1/hotlists/uploads/{id}/finish/``: check it whole, and publish it."""

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT)
    @audit.guard("hotlist.import", object=_upload_ref, acts=True)
    def post(self, request: Request, upload_id: UUID) -> Response:
        """Publish, or answer 202 where a second person has to look. Errors: Refused 403-422."""
        upload = services.finish_upload(actor=request.user, upload_id=upload_id)
        waits = upload.state == HotlistUpload.State.WAITING
        return Response(uploads.wire(upload), status=202 if waits else 200)


def _own(request: Request, upload_id: UUID) -> HotlistUpload:
    return policies.own_upload(request.user, uploads.get(request.user.person.agency_id, upload_id))


def _check_digest(request: HttpRequest, raw: bytes) -> None:
    """Errors: Refused ``bad-digest`` (400): a piece that was changed on its way is not kept."""
    told = f"sha-256=:{base64.b64encode(hashlib.sha256(raw).digest()).decode()}:"
    if request.META.get("HTTP_CONTENT_DIGEST", "") != told:
        raise Refused("bad-digest", _("The piece is not the one its Content-Digest names."), 400)
