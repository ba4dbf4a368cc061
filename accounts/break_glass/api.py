"""Breaking the glass over HTTP: ``/api/v1/break-glass/``."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from accounts import policies, selectors, services
from accounts.break_glass.views import own_ref
from accounts.models import BreakGlass
from accounts.wire import BreakGlassWire
from csoc.lib import clock
from csoc.lib.api import valid
from csoc.lib.wire import list_of


class GlassObjectPart(serializers.Serializer):
    """What must be read."""

    type = serializers.ChoiceField(choices=BreakGlass.Kind.choices)
    id = serializers.RegexField(r"^[A-Za-z0-9][A-Za-z0-9-]{0,39}$")


class GlassReasonPart(serializers.Serializer):
    """Coded reason, words (sealed) and CAD number."""

    code = serializers.ChoiceField(choices=BreakGlass.Why.choices)
    words = serializers.CharField(max_length=1_000)
    cad = serializers.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9-]{0,23}$", required=False, allow_blank=True, default=""
    )


class BreakGlassBody(serializers.Serializer):
    """``{"object":{"type","id"},"reason":{"code","words","cad"}}``."""

    object = GlassObjectPart()
    reason = GlassReasonPart()


def _page_ref(request: Any) -> audit.Ref:
    """The list, until the body has been read: the service's own entry names the thing."""
    return audit.Ref("page", "break-glass", request.user.person.agency.code)


class BreakGlassList(APIView):
    """``GET``: what one has open. ``POST``: open one alert's detail or one deployment for 30 minutes."""

    @extend_schema(responses={200: list_of(BreakGlassWire)})
    def get(self, request: Request) -> Response:
        """List one's own."""
        return Response([selectors.glass_wire(row) for row in selectors.glass_of(request.user, clock.now())])

    @extend_schema(request=BreakGlassBody, responses={201: BreakGlassWire})
    @audit.guard("access.break_glass", object=_page_ref, acts=True)
    def post(self, request: Request) -> Response:
        """Break the glass; whether this person may at all is judged before the body."""
        policies.may_break_glass(request.user, request.session)
        body = valid(BreakGlassBody, request)
        thing, reason = body["object"], body["reason"]
        opened = services.break_glass(
            actor=request.user, login=request.session, kind=thing["type"], target=thing["id"],
            why=reason["code"], words=reason["words"], cad=reason["cad"],
        )  # fmt: skip
        return Response(selectors.glass_wire(opened), status=201)


class BreakGlassEnd(APIView):
    """``POST /api/v1/break-glass/{id}/end/``: once or twice is the same."""

    @extend_schema(request=None, responses=BreakGlassWire)
    @audit.guard("access.break_glass_end", object=own_ref, acts=True)
    def post(self, request: Request, glass_id: UUID) -> Response:
        """End one's own."""
        ended = services.end_break_glass(actor=request.user, glass_id=glass_id)
        return Response(selectors.glass_wire(ended))
