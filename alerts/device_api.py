"""The trailers' doors: one alert, and up to a hundred after a lost link."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from alerts import forbidden, refusals, schemas, services
from alerts.drills import Tested
from alerts.models import Alert
from alerts.schemas import AlertBody
from alerts.wire import AcceptedWire, BulkRowWire
from csoc.lib import clock
from csoc.lib.errors import BadJson, Refused
from deployments.services import record_failed_test
from trailers.doors import DeviceView, signed_by
from trailers.models import Trailer

MAX_BULK = 100


def _accepted(alert: Alert | Tested) -> dict[str, Any]:
    """The contract's answer, made of what never changes: a repeat gets the same body.

    ``upload`` is null: this version takes no clips and crops. A test alert is closed as soon as it passed.
    """
    return {
        "id": str(alert.pk),
        "received_at": clock.wire(alert.received_at),
        "state": "closed" if isinstance(alert, Tested) else "unacknowledged",
        "late": alert.late,
        "upload": None,
    }


def _take(trailer: Trailer, value: Any) -> tuple[Alert | Tested, bool]:
    """Judge one parsed alert in the contract's order. Errors: Refused; nothing of the body is kept."""
    forbidden.check(value)
    return services.receive_alert(actor=trailer, body=schemas.alert_from(value))


def _count(trailer: Trailer, code: str) -> None:
    """Count a signed refusal; where the trailer is being set up, the technician sees why as well."""
    refusals.count_refusal(actor=trailer, code=code)
    record_failed_test(actor=trailer, code=code)


class _CountedDoor(DeviceView):
    """A device door whose signed refusals are counted; a badly signed request has no trailer to count for."""

    trailer: Trailer | None = None

    def check_permissions(self, request: Request) -> None:
        """From here on the signature holds: remember whose it is."""
        super().check_permissions(request)
        self.trailer = signed_by(request).trailer

    def handle_exception(self, exc: Exception) -> Response:
        """Count a refusal by its code, then answer it."""
        if isinstance(exc, Refused) and self.trailer is not None:
            _count(self.trailer, exc.code)
        return super().handle_exception(exc)


class AlertDoor(_CountedDoor):
    """``POST /api/v1/alerts/``: 201 new, 200 the same again."""

    @extend_schema(request=AlertBody, responses={200: AcceptedWire, 201: AcceptedWire})
    def post(self, request: Request) -> Response:
        """Take one alert."""
        alert, new = _take(signed_by(request).trailer, self.read(request))
        return Response(_accepted(alert), status=201 if new else 200)


class BulkAlertDoor(_CountedDoor):
    """``POST /api/v1/alerts/bulk/``: each alert judged by itself, answers in the same order."""

    max_bytes = 1_000_000
    max_depth = 6

    @extend_schema(request=OpenApiTypes.OBJECT, responses=BulkRowWire)
    def post(self, request: Request) -> Response:
        """Take up to 100 alerts."""
        trailer = signed_by(request).trailer
        values = self.read(request)
        if not isinstance(values, list):
            raise BadJson("it is not an array of alerts")
        if len(values) > MAX_BULK:
            raise Refused("too-large", "At most 100 alerts at once.", 413)
        return Response([_one_of_bulk(trailer, value) for value in values])


def _one_of_bulk(trailer: Trailer, value: Any) -> dict[str, Any]:
    """One answer of a bulk post; an id is echoed only when it is a UUID."""
    try:
        alert, new = _take(trailer, value)
    except Refused as error:
        _count(trailer, error.code)
        return {"id": schemas.id_of(value), "status": error.status, "type": f"/problems/{error.code}"}
    return {
        "id": str(alert.pk),
        "status": 201 if new else 200,
        "received_at": clock.wire(alert.received_at),
    }
