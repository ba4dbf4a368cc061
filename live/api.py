"""Live view over HTTP."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from accounts.idempotency import once
from alerts.models import Alert
from alerts.selectors import visible_alert
from alerts.status import board_status
from csoc.lib import clock
from csoc.lib.api import valid
from csoc.lib.wire import Problem
from live import policies, selectors, services
from live.models import LiveSession, Reason
from live.wire import BriefWire, OpenedWire, ViewWire
from trailers.selectors import trailer_ref

_OPENED = {201: OpenedWire, (403, "application/problem+json"): Problem}


class ReasonPart(serializers.Serializer):
    """Coded purpose and CAD number."""

    code = serializers.ChoiceField(choices=Reason.choices)
    cad = serializers.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9-]{0,23}$", required=False, allow_blank=True, default=""
    )


class ReasonBody(serializers.Serializer):
    """``{"reason":{"code","cad"}}``."""

    reason = ReasonPart()


def _reason(request: Request) -> dict[str, Any]:
    reason = valid(ReasonBody, request)["reason"]
    return {"reason": reason["code"], "cad": reason["cad"]}


def _once(request: Request, act: str, body: Any, run: Callable[[], Any]) -> Any:
    """A press sent twice with one key is one act. A view's token is dead long before its kept answer."""
    key = request.headers.get("Idempotency-Key")
    return once(actor=request.user, key=key, act=act, body=body, run=run)


def _alert_ref(request: Request, alert_id: UUID) -> audit.Ref:
    return _camera_ref(request, Alert, audit.Ref("alert", str(alert_id)))


def _session_ref(request: Request, session_id: UUID) -> audit.Ref:
    return _camera_ref(request, LiveSession, audit.Ref("session", str(session_id)))


def _camera_ref(request: Request, kind: type[Alert] | type[LiveSession], asked: audit.Ref) -> audit.Ref:
    """The camera that was asked for: a denial is found under its trailer, as a view is."""
    agency = request.user.person.agency
    row = kind.objects.select_related("trailer__agency").filter(pk=asked.id, agency=agency).first()
    return trailer_ref(row.trailer) if row else replace(asked, agency=agency.code)


class OpenLiveView(APIView):
    """``POST /api/v1/alerts/{id}/live-view/``: the gate is judged before the body."""

    @extend_schema(request=ReasonBody, responses=_OPENED)
    @audit.guard("video.live.open", object=_alert_ref, acts=True)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Open."""
        alert = visible_alert(request.user, alert_id)
        policies.gate(request.user, alert, clock.now())
        reason = _reason(request)
        opened = _once(
            request, f"video.live.open:{alert_id}", reason,
            lambda: services.open_live_view(
                actor=request.user, login=request.session, alert_id=alert_id, **reason
            ),
        )  # fmt: skip
        return Response(opened, status=201)


class LiveStatus(APIView):
    """``GET /api/v1/live/status/``: the figures beside a quiet board."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Figures of the day and of the console's own health."""
        status = board_status(request.user)
        return Response({**status, **selectors.views_of_day(request.user)})


class LiveView(APIView):
    """``GET /api/v1/live/{session}/``: time left and who else watches."""

    @extend_schema(responses=ViewWire)
    def get(self, request: Request, session_id: UUID) -> Response:
        """Read."""
        return Response(selectors.session_wire(request.user, session_id))


class ExtendLiveView(APIView):
    """``POST /api/v1/live/{session}/extend/``."""

    @extend_schema(request=ReasonBody, responses=BriefWire)
    @audit.guard("video.live.extend", object=_session_ref, acts=True)
    def post(self, request: Request, session_id: UUID) -> Response:
        """Extend by five minutes, with a reason."""
        selectors.own_session(request.user, session_id)
        reason = _reason(request)
        answer = _once(
            request, f"video.live.extend:{session_id}", reason,
            lambda: _brief(
                services.extend_live_view(actor=request.user, session_id=session_id, **reason)
            ),
        )  # fmt: skip
        return Response(answer)


class CloseLiveView(APIView):
    """``POST /api/v1/live/{session}/close/``."""

    @extend_schema(request=None, responses=BriefWire)
    @audit.guard("video.live.close", object=_session_ref, acts=True)
    def post(self, request: Request, session_id: UUID) -> Response:
        """End the own view."""
        answer = _once(
            request, f"video.live.close:{session_id}", None,
            lambda: _brief(services.close_live_view(actor=request.user, session_id=session_id)),
        )  # fmt: skip
        return Response(answer)


def _brief(session: LiveSession) -> dict[str, Any]:
    return {
        "session": str(session.pk),
        "expires_at": clock.wire(session.expires_at),
        "ended_at": clock.wire(session.ended_at),
        "recording": False,
    }
