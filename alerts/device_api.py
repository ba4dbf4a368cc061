"""The trailers' doors: one alert, and up to a hundred after a lost link."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from alerts import forbidden, refusals, schemas, services
from alerts.models import Alert
from alerts.schemas import AlertBody
from alerts.wire import AcceptedWire, BulkRowWire
from csoc.lib import clock
from csoc.lib.errors import BadJson, Refused
from csoc.lib.problems import refused
from trailers.doors import DeviceView, signed_by
from trailers.models import Trailer

MAX_BULK = 100


def _accepted(alert: Alert) -> dict[str, Any]:
    """The contract's answer, made of what never changes: a repeat gets the same body.

    ``upload`` is null: this version takes no clips and crops.
    """
    return {
        "id": str(alert.pk),
        "received_at": clock.wire(alert.received_at),
        "state": "unacknowledged",
        "late": alert.late,
        "upload": None,
    }


def _take(trailer: Trailer, value: Any) -> tuple[Alert, bool]:
    """Judge one parsed alert in the contract's order; a refusal is counted, never kept."""
    try:
        forbidden.check(value)
        return services.receive_alert(actor=trailer, body=schemas.alert_from(value))
    except Refused as error:
        refusals.count_refusal(actor=trailer, code=error.code)
        raise


class AlertDoor(DeviceView):
    """``POST /api/v1/alerts/``: 201 new, 200 the same again."""

    @extend_schema(request=AlertBody, responses={200: AcceptedWire, 201: AcceptedWire})
    def post(self, request: Request) -> Response:
        """Take one alert."""
        trailer = signed_by(request).trailer
        alert, new = _take(trailer, _counted(self, request, trailer))
        return Response(_accepted(alert), status=201 if new else 200)


class BulkAlertDoor(DeviceView):
    """``POST /api/v1/alerts/bulk/``: each alert judged by itself, answers in the same order."""

    max_bytes = 1_000_000
    max_depth = 6

    @extend_schema(request=OpenApiTypes.OBJECT, responses=BulkRowWire)
    def post(self, request: Request) -> HttpResponse | Response:
        """Take up to 100 alerts."""
        trailer = signed_by(request).trailer
        values = _counted(self, request, trailer)
        if not isinstance(values, list):
            return refused(BadJson("it is not an array of alerts"))
        if len(values) > MAX_BULK:
            return refused(Refused("too-large", "At most 100 alerts at once.", 413))
        return Response([_one_of_bulk(trailer, value) for value in values])


def _counted(door: DeviceView, request: Request, trailer: Trailer) -> Any:
    try:
        return door.read(request)
    except Refused as error:
        refusals.count_refusal(actor=trailer, code=error.code)
        raise


def _one_of_bulk(trailer: Trailer, value: Any) -> dict[str, Any]:
    """One answer of a bulk post; an id is echoed only when it is a UUID."""
    try:
        alert, new = _take(trailer, value)
    except Refused as error:
        return {"id": schemas.id_of(value), "status": error.status, "type": f"/problems/{error.code}"}
    return {
        "id": str(alert.pk),
        "status": 201 if new else 200,
        "received_at": clock.wire(alert.received_at),
    }
