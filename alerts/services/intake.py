"""An alert comes in: one transaction and one audit entry, and a push after commit.

What is plainly new takes the fast path (``alerts.fastpath``). Everything else is judged here, in full.
"""

from collections.abc import Sequence

from django.db import DatabaseError, IntegrityError, transaction

import audit
import vault
from alerts import fastpath, policies, receiving, sealed
from alerts.drills import Tested, take_test
from alerts.models import Alert, AlertDetail, SeenNumber
from alerts.schemas import AlertBody
from alerts.telling import event, push, ref
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments.selectors import active_deployment_locked
from deployments.selectors.installing import open_window_locked
from trailers.models import Trailer
from trailers.signatures import Unspent

#: An alert (a test in an installation window) and whether it is new, or why it was refused.
Answer = tuple[Alert | Tested, bool] | Refused


def receive_alert(
    *, actor: Trailer, body: AlertBody, unspent: Unspent | None = None
) -> tuple[Alert | Tested, bool]:
    """Accept an alert durably; returns it and whether it is new. In an installation window it is a test.

    unspent: the nonce of the request, used up with it. Errors: Refused with the contract's codes; nothing of
    a refused body is kept.
    """
    [taken] = fastpath.take(actor, [body], unspent)
    return (taken, True) if taken is not None else _in_full(actor, body)


def receive_alerts(
    *, actor: Trailer, bodies: Sequence[AlertBody], unspent: Unspent | None = None
) -> list[Answer]:
    """Accept what may be accepted of many alerts, each judged by itself; the answers in their order.

    Errors: Refused 401 ``replayed-nonce``, before anything is stored.
    """
    answers: list[Answer] = []
    for body, taken in zip(bodies, fastpath.take(actor, bodies, unspent), strict=True):
        try:
            answers.append((taken, True) if taken is not None else _in_full(actor, body))
        except Refused as refused:
            answers.append(refused)
    return answers


def _in_full(actor: Trailer, body: AlertBody) -> tuple[Alert | Tested, bool]:
    try:
        return _receive(actor, body)
    except IntegrityError:
        # The same id was accepted on another connection meanwhile: now it is there to compare with.
        return _receive(actor, body)


@transaction.atomic
def _receive(trailer: Trailer, body: AlertBody) -> tuple[Alert | Tested, bool]:
    now = clock.now()
    standing = active_deployment_locked(trailer, now)
    window = open_window_locked(trailer, now) if standing is None else None
    if window is not None:
        return take_test(trailer, body, window, now)
    deployment = policies.may_report(trailer, body, standing, now)
    if Alert.objects.filter(pk=body.id).exists():
        return _repeated(trailer, body), False
    received = receiving.made(trailer, body, deployment, vault.Sealer(now))
    alert = received.alert
    alert.save(force_insert=True)
    if received.sealed is not None:
        AlertDetail.objects.create(alert=alert, epoch=received.sealed[0], sealed=received.sealed[1])
    event(alert, "alert.receive", now)
    SeenNumber.objects.create(trailer=trailer, seq=alert.seq, at=now, occurred_at=alert.occurred_at)
    _record_or_owe(alert)
    push(alert)
    return alert, True


def _record_or_owe(alert: Alert) -> None:
    """Write the entry; if the inbox alone refuses, owe it (audit.md).

    The one act that goes on without its entry: an alert in a shooting may not be lost to the log.
    """
    try:
        with transaction.atomic():
            audit.record("alert.receive", ref(alert))
    except DatabaseError:
        alert.audit_owed = True
        alert.save(update_fields=["audit_owed"])


def _repeated(trailer: Trailer, body: AlertBody) -> Alert:
    known = Alert.objects.select_related("trailer", "deployment", "agency").get(pk=body.id)
    if known.trailer_id != trailer.pk or not sealed.is_same(known, body):
        raise Refused("id-conflict", "Another alert already has this id.", 409)
    return known
