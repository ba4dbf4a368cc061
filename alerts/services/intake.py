"""An alert comes in: one transaction and one audit entry, and a push after commit."""

from datetime import datetime

from django.db import DatabaseError, IntegrityError, transaction
from geographiclib.geodesic import Geodesic

import audit
import vault
from alerts import hotlists, policies, sealed
from alerts.drills import Tested, take_test
from alerts.models import Alert, AlertDetail
from alerts.schemas import AlertBody
from alerts.telling import event, push, ref
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments.models import Deployment
from deployments.selectors import active_deployment_locked
from deployments.selectors.installing import open_window_locked
from trailers.models import Trailer

OUTSIDE_RADIUS_M = 750


def receive_alert(*, actor: Trailer, body: AlertBody) -> tuple[Alert | Tested, bool]:
    """Accept an alert durably; returns it and whether it is new. In an installation window it is a test.

    Errors: Refused with the contract's codes; nothing of a refused body is kept.
    """
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
    hit = _hit(body, deployment, now)
    alert = _store(trailer, body, deployment, hit, now)
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


def _hit(body: AlertBody, deployment: Deployment, now: datetime) -> hotlists.Hit | None:
    if body.alpr_hit is None:
        return None
    return hotlists.match(
        body.alpr_hit, categories=deployment.hotlist_categories, agency_id=deployment.agency_id, at=now
    )


def _store(
    trailer: Trailer, body: AlertBody, deployment: Deployment, hit: hotlists.Hit | None, now: datetime
) -> Alert:
    late = now - body.occurred > policies.LATE_AFTER
    kept = _sealed_detail(body, hit)
    lat, lon, uncertainty_m, flags = _place(body, deployment, expired=kept is None)
    if late:
        flags.append("late")
    if hit is not None and not hit.exact and kept is not None:
        flags.append("lookalike")
    alert = Alert.objects.create(
        id=body.id, agency=deployment.agency, unit=deployment.unit, trailer=trailer, deployment=deployment,
        kind=body.kind, priority=_priority(hit, late), seq=body.seq, lat=lat, lon=lon,
        uncertainty_m=uncertainty_m, occurred_at=body.occurred, received_at=now, late=late, flags=flags,
    )  # fmt: skip
    if kept is not None:
        AlertDetail.objects.create(alert=alert, epoch=kept[0], sealed=kept[1])
    event(alert, "alert.receive", now)
    return alert


def _place(
    body: AlertBody, deployment: Deployment, *, expired: bool
) -> tuple[float, float, float | None, list[str]]:
    """Where the alert is shown: the shot's place, else the trailer's; and its flags.

    Once the key of its hour is gone nothing of what it says is written any more: the trailer's point stays.
    """
    assert deployment.lat is not None and deployment.lon is not None
    lat, lon = (body.position.lat, body.position.lon) if body.position else (deployment.lat, deployment.lon)
    if expired:
        return lat, lon, None, ["detail-expired"]
    location = body.gunshot.location if body.gunshot else None
    if location is None:
        return lat, lon, None, []
    away_m = Geodesic.WGS84.Inverse(lat, lon, location.lat, location.lon)["s12"]
    flags = ["outside-radius"] if away_m > OUTSIDE_RADIUS_M else []
    return location.lat, location.lon, location.uncertainty_m, flags


def _priority(hit: hotlists.Hit | None, late: bool) -> int:
    if late:
        return 3
    return hotlists.priority(hit) if hit is not None else 1


def _sealed_detail(body: AlertBody, hit: hotlists.Hit | None) -> tuple[datetime, bytes] | None:
    """Seal the detail, or None when the key of its hour is already destroyed."""
    listed = None
    if hit is not None:
        entry = hit.entry
        listed = {"plate": entry.plate, "jurisdiction": entry.jurisdiction, "category": entry.category}
    try:
        return sealed.seal_detail(body, listed)
    except vault.EpochGone:
        return None
