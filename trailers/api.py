"""The trailer's own routes: enrolment, key rotation, desired state, telemetry."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseNotModified
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

import audit
from accounts.selectors import client_ip
from csoc.lib import clock, events, forbidden
from csoc.lib.errors import Refused
from csoc.lib.wire import list_of

from . import consolekey, points, selectors, services
from .doors import DeviceView, UnsignedDeviceView, signed_by
from .models import DesiredState, TrailerKey
from .points import Point, Taken
from .schemas import Enrolment, KeyRotation, convert
from .wire import DesiredWire, EnrolledWire


def _enrolled(key: TrailerKey) -> dict[str, Any]:
    return {
        "trailer": key.trailer.name,
        "keyid": key.keyid,
        "console_keys": consolekey.public_keys(),
        "time": clock.wire(clock.now()),
    }


class EnrolmentView(UnsignedDeviceView):
    """`POST /api/v1/enrolment/`: once, unsigned; the token and the proof stand for the signature."""

    max_bytes = 4096

    @extend_schema(auth=[], request=Enrolment, responses={201: EnrolledWire})
    def post(self, request: Request) -> Response:
        """Answer 201 with the keyid; the key is active once a second person has confirmed it."""
        caller = audit.Actor("anonymous", "anonymous", ip=client_ip(request._request))
        key = services.enrol(request=convert(self.read(request), Enrolment), actor=caller)
        return Response(_enrolled(key), status=201)


class KeysView(DeviceView):
    """`POST /api/v1/keys/`: the next key, signed with the one before it."""

    max_bytes = 4096

    @extend_schema(request=KeyRotation, responses={200: EnrolledWire, 201: EnrolledWire})
    def post(self, request: Request) -> Response:
        """Answer 201, or 200 when this key had been taken already."""
        wanted = convert(self.read(request), KeyRotation)
        key, fresh = services.rotate_key(request=wanted, actor=request.auth)
        return Response(_enrolled(key), status=201 if fresh else 200)


class DesiredView(DeviceView):
    """`GET /api/v1/desired/`: what the trailer is to do, with an ETag."""

    @extend_schema(responses={200: DesiredWire, 304: None})
    def get(self, request: Request) -> HttpResponse:
        """Answer 200 with the whole state, or 304 when the trailer has it."""
        desired, now = DesiredState.objects.get(trailer=request.auth.trailer), clock.now()
        etag = selectors.desired_etag(desired, now)
        known = request.META.get("HTTP_IF_NONE_MATCH", "")
        answer: HttpResponse
        if etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
            answer = HttpResponseNotModified()
        else:
            answer = Response(selectors.desired_wire(desired, now))
        answer["ETag"] = etag
        answer["Cache-Control"] = "no-store"
        return answer


class TelemetryView(DeviceView):
    """`POST /api/v1/telemetry/`: 202 with how many were new; works without a deployment (H3)."""

    max_bytes = 131_072

    @extend_schema(request=list_of(Point), responses={202: Taken})
    def post(self, request: Request) -> Response:
        """Take up to 200 points."""
        value = self.read(request)
        forbidden.check_words(value)
        taken = points.take_points(
            trailer=signed_by(request).trailer, points=points.points_of(value), at=clock.now()
        )
        return Response({"accepted": taken.accepted, "duplicate": taken.duplicate}, status=202)

    def count(self, refused: Refused) -> None:
        """Tell of a signed refusal by its code; whoever hears it counts it, so it is not counted here too."""
        if self.trailer is None or refused.status >= 500:
            super().count(refused)
        else:
            events.emit("device.refused", trailer=self.trailer, code=refused.code)
