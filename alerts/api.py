"""Alerts over HTTP for people. Every view of content is an entry before a byte leaves."""

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
from accounts.selectors import user_ref
from alerts import selectors, services
from alerts.models import Alert
from alerts.timeline import timeline
from alerts.wire import AlertWire, SnapshotWire, TimelineWire
from csoc.lib.api import valid
from csoc.lib.wire import Problem

BIG = 2**31 - 1
_ACTED = {200: AlertWire, (409, "application/problem+json"): Problem}


def _ref(request: Request, alert_id: UUID) -> audit.Ref:
    return audit.Ref("alert", str(alert_id), request.user.person.agency.code)


class VersionBody(serializers.Serializer):
    """``version``: the one on the person's screen."""

    version = serializers.IntegerField(min_value=0, max_value=BIG)


class HandBackBody(serializers.Serializer):
    """``reason``: why, in the person's words (sealed)."""

    reason = serializers.CharField(max_length=500)


class CloseBody(VersionBody):
    """How it ended."""

    outcome = serializers.ChoiceField(choices=Alert.Outcome.choices)
    note = serializers.CharField(max_length=services.MAX_NOTE, required=False, allow_blank=True, default="")


class VerifyBody(VersionBody):
    """What comparing crop, text and list reason showed."""

    decision = serializers.ChoiceField(choices=Alert.PlateDecision.choices)


class NoteBody(serializers.Serializer):
    """Free text about the alert (sealed)."""

    text = serializers.CharField(max_length=services.MAX_NOTE)


class Snapshot(APIView):
    """``GET /api/v1/live/snapshot/``."""

    @extend_schema(responses=SnapshotWire)
    def get(self, request: Request) -> Response:
        """What should be on this person's screen."""
        return Response(selectors.snapshot(request.user))


def _me(request: Request) -> audit.Ref:
    return user_ref(request.user)


class StartShift(APIView):
    """``POST /api/v1/live/shift/``: "Start shift" was pressed, the alarm is armed."""

    @extend_schema(request=None, responses={204: None})
    @audit.guard("shift.start", object=_me, acts=True)
    def post(self, request: Request) -> Response:
        """Record it."""
        services.start_shift(actor=request.user)
        return Response(status=204)


class _Act(APIView):
    """One act on one alert; subclasses name the body, the service and the audit verb."""

    body: type[serializers.Serializer] = VersionBody
    verb = ""

    def act(self, actor: Any, alert_id: UUID, **values: Any) -> Alert:
        """Call the one service."""
        raise TypeError("a subclass names its service")

    def run(self, request: Request, alert_id: UUID) -> Response:
        """Parse, act once, present."""
        selectors.visible_alert(request.user, alert_id)
        values = valid(self.body, request)
        answer = once(
            actor=request.user,
            key=request.headers.get("Idempotency-Key"),
            act=f"{self.verb}:{alert_id}",
            body=values,
            run=lambda: selectors.alert_wire(self.act(request.user, alert_id, **values)),
        )
        return Response(answer)


class Acknowledge(_Act):
    """``POST /api/v1/alerts/{id}/acknowledge/``."""

    verb = "alert.acknowledge"

    @extend_schema(request=VersionBody, responses=_ACTED)
    @audit.guard(verb, object=_ref, acts=True)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Take it by name."""
        return self.run(request, alert_id)

    def act(self, actor: Any, alert_id: UUID, **values: Any) -> Alert:
        """Acknowledge."""
        return services.acknowledge_alert(actor=actor, alert_id=alert_id, **values)


class HandBack(_Act):
    """``POST /api/v1/alerts/{id}/hand-back/``."""

    body = HandBackBody
    verb = "alert.hand_back"

    @extend_schema(request=HandBackBody, responses=_ACTED)
    @audit.guard(verb, object=_ref, acts=True)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Give it back within 60 s."""
        return self.run(request, alert_id)

    def act(self, actor: Any, alert_id: UUID, **values: Any) -> Alert:
        """Hand back."""
        return services.hand_back_alert(actor=actor, alert_id=alert_id, **values)


class Close(_Act):
    """``POST /api/v1/alerts/{id}/close/``."""

    body = CloseBody
    verb = "alert.close"

    @extend_schema(request=CloseBody, responses=_ACTED)
    @audit.guard(verb, object=_ref, acts=True)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Close with an outcome."""
        return self.run(request, alert_id)

    def act(self, actor: Any, alert_id: UUID, **values: Any) -> Alert:
        """Close."""
        return services.close_alert(actor=actor, alert_id=alert_id, **values)


class VerifyPlate(_Act):
    """``POST /api/v1/alerts/{id}/verify-plate/``."""

    body = VerifyBody
    verb = "alert.verify_plate"

    @extend_schema(request=VerifyBody, responses=_ACTED)
    @audit.guard(verb, object=_ref, acts=True)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Confirm or reject."""
        return self.run(request, alert_id)

    def act(self, actor: Any, alert_id: UUID, **values: Any) -> Alert:
        """Verify."""
        return services.verify_plate(actor=actor, alert_id=alert_id, **values)


class Note(_Act):
    """``POST /api/v1/alerts/{id}/note/``."""

    body = NoteBody
    verb = "alert.note"

    @extend_schema(request=NoteBody, responses=_ACTED)
    @audit.guard(verb, object=_ref, acts=True)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Add a note."""
        return self.run(request, alert_id)

    def act(self, actor: Any, alert_id: UUID, **values: Any) -> Alert:
        """Add."""
        return services.add_note(actor=actor, alert_id=alert_id, **values)


class Detail(APIView):
    """``GET /api/v1/alerts/{id}/detail/``: plate, list reason, rounds: an audited view."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @audit.guard("alert.view", object=_ref)
    def get(self, request: Request, alert_id: UUID) -> Response:
        """Unseal; under a break-glass the entry names it as its parent."""
        alert, glass = selectors.readable_alert(request.user, alert_id)
        response = Response(selectors.detail(alert))
        response.audit_parent = glass and glass.entry  # type: ignore[attr-defined]
        return response


class Timeline(APIView):
    """``GET /api/v1/alerts/{id}/timeline/``: who did what, without content."""

    @extend_schema(responses=TimelineWire)
    def get(self, request: Request, alert_id: UUID) -> Response:
        """List the events."""
        return Response({"events": timeline(selectors.visible_alert(request.user, alert_id))})
