"""The trailers' doors: one alert, and up to a hundred after a lost link."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from alerts import forbidden, refusals, schemas, services
from alerts.drills import Tested
from alerts.media.uploads import upload_of
from alerts.models import Alert
from alerts.schemas import AlertBody
from alerts.wire import AcceptedWire, BulkRowWire
from csoc.lib import clock
from csoc.lib.errors import BadJson, Refused
from csoc.lib.wire import list_of
from deployments.services import record_failed_test
from trailers.doors import DeviceView, UnspentSignature, signed_by, unspent_of
from trailers.models import Trailer
from trailers.signatures import Unspent

MAX_BULK = 100


def _accepted(alert: Alert | Tested, body: AlertBody) -> dict[str, Any]:
    """The contract's answer, made of what never changes: a repeat gets the same body.

    A test alert is closed as soon as it passed.
    """
    return {
        "id": str(alert.pk),
        "received_at": clock.wire(alert.received_at),
        "state": "closed" if isinstance(alert, Tested) else "unacknowledged",
        "late": alert.late,
        "upload": None if isinstance(alert, Tested) else upload_of(alert, body),
    }


def _body(value: Any) -> AlertBody:
    """Judge what a parsed alert says, in the contract's order. Errors: Refused; nothing of it is kept."""
    forbidden.check(value)
    return schemas.alert_from(value)


def _count(trailer: Trailer, refused: Iterable[tuple[str, Any]]) -> None:
    """Count signed refusals (code, parsed body); a checklist that waits for a test alert shows why."""
    numbers = defaultdict(list)
    for code, value in refused:
        numbers[code].append(schemas.seq_of(value))
    for code, seqs in numbers.items():
        refusals.count_refusals(actor=trailer, code=code, numbers=seqs)
        record_failed_test(actor=trailer, code=code)


class _CountedDoor(DeviceView):
    """A door whose act spends the nonce, and whose signed refusals become entries as well.

    A badly signed request has no trailer to count for.
    """

    authentication_classes = [UnspentSignature]
    #: The parsed body, once there is one.
    value: Any = None

    def handle_exception(self, exc: Exception) -> Response:
        """Count a refusal by its code, then answer it; a copy of a request is told before anything else."""
        if isinstance(exc, Refused) and self.trailer is not None:
            try:
                unspent_of(self.request).spend()
            except Refused as replayed:
                exc = replayed
        return super().handle_exception(exc)

    def count(self, refused: Refused) -> None:
        """Count a row of its minute, written to the log when the minute is over; a copy counted itself."""
        if self.trailer is None:
            super().count(refused)
        elif refused.code != "replayed-nonce":
            _count(self.trailer, [(refused.code, self.value)])


class AlertDoor(_CountedDoor):
    """``POST /api/v1/alerts/``: 201 new, 200 the same again."""

    @extend_schema(request=AlertBody, responses={200: AcceptedWire, 201: AcceptedWire})
    def post(self, request: Request) -> Response:
        """Take one alert."""
        self.value = self.read(request)
        body = _body(self.value)
        alert, new = services.receive_alert(
            actor=signed_by(request).trailer, body=body, unspent=unspent_of(request)
        )
        return Response(_accepted(alert, body), status=201 if new else 200)


class BulkAlertDoor(_CountedDoor):
    """``POST /api/v1/alerts/bulk/``: each alert judged by itself, answers in the same order."""

    max_bytes = 1_000_000
    max_depth = 6

    @extend_schema(request=list_of(AlertBody), responses={200: list_of(BulkRowWire)})
    def post(self, request: Request) -> Response:
        """Take up to 100 alerts."""
        values = self.read(request)
        if not isinstance(values, list):
            raise BadJson("it is not an array of alerts")
        if len(values) > MAX_BULK:
            raise Refused("too-large", "At most 100 alerts at once.", 413)
        trailer = signed_by(request).trailer
        answers = _judged(trailer, values, unspent_of(request))
        told = list(zip(values, answers, strict=True))
        _count(trailer, [(answer.code, value) for value, answer in told if isinstance(answer, Refused)])
        return Response([_row(value, answer) for value, answer in told])


def _judged(trailer: Trailer, values: list[Any], unspent: Unspent) -> list[services.Answer]:
    """What becomes of each value of a bulk post. Errors: Refused ``replayed-nonce`` for all of it."""
    read: list[AlertBody | Refused] = [_read(value) for value in values]
    bodies = [body for body in read if not isinstance(body, Refused)]
    taken = iter(services.receive_alerts(actor=trailer, bodies=bodies, unspent=unspent))
    return [body if isinstance(body, Refused) else next(taken) for body in read]


def _read(value: Any) -> AlertBody | Refused:
    try:
        return _body(value)
    except Refused as refused:
        return refused


def _row(value: Any, answer: services.Answer) -> dict[str, Any]:
    """One answer of a bulk post; an id is echoed only when it is a UUID."""
    if isinstance(answer, Refused):
        return {"id": schemas.id_of(value), "status": answer.status, "type": f"/problems/{answer.code}"}
    alert, new = answer
    return {
        "id": str(alert.pk), "status": 201 if new else 200, "received_at": clock.wire(alert.received_at),
    }  # fmt: skip
