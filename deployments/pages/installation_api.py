"""The installation checklist over HTTP: the same services as its page."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from csoc.lib import clock
from csoc.lib.api import valid
from deployments import policies, selectors, services
from deployments.pages.installation import trailer_of
from deployments.selectors.installing import installation_wire
from deployments.wire import InstallationWire


class PointBody(serializers.Serializer):
    """``item``: heading, masks or speaker; ``value``: the measured heading, degrees true."""

    item = serializers.CharField(max_length=12)
    value = serializers.FloatField(required=False, min_value=0, max_value=360)


def _named(request: Request, name: str) -> audit.Ref:
    return audit.Ref("deployment", name.partition(".")[0], request.user.person.agency.code)


def _told(request: Request, name: str) -> Response:
    found = selectors.visible_by_name(request.user, name)
    policies.may_see_installation(request.user, found)
    return Response(installation_wire(found, clock.now()))


def _acted(request: Request, name: str, act: Callable[..., Any], **values: Any) -> Response:
    found = selectors.visible_by_name(request.user, name)
    act(actor=request.user, deployment_id=found.pk, **values)
    return _told(request, name)


class InstallationDoor(APIView):
    """``/api/v1/deployments/{id}/installation/``: the checklist; POST opens the window."""

    @extend_schema(responses=InstallationWire)
    @audit.guard("installation.view", object=_named)
    def get(self, request: Request, name: str) -> Response:
        """Read the checklist."""
        return _told(request, name)

    @extend_schema(request=None, responses=InstallationWire)
    @audit.guard("installation.open", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Open the window of 30 minutes; one that was open gives way."""
        return _acted(request, name, services.open_installation)


class RecordPoint(APIView):
    """``POST …/installation/check/``: one point by hand."""

    @extend_schema(request=PointBody, responses=InstallationWire)
    @audit.guard("installation.check", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Record one point."""
        return _acted(request, name, services.record_point, **valid(PointBody, request))


class AskForTest(APIView):
    """``POST …/installation/test-alert/``: ask the trailer for one."""

    @extend_schema(request=None, responses=InstallationWire)
    @audit.guard("trailer.command", object=trailer_of, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Ask the trailer for a test alert."""
        return _acted(request, name, services.ask_for_test_alert)


class CompleteInstallation(APIView):
    """``POST …/installation/complete/``: record what the trailer tells now."""

    @extend_schema(request=None, responses=InstallationWire)
    @audit.guard("installation.complete", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Record what is read; the answer says what is missing."""
        return _acted(request, name, services.complete_installation)
