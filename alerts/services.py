"""What happens to alerts. Each public function is one transaction and one audit entry; what a screen
must show is pushed after commit."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Min
from django.utils.translation import gettext as _
from geographiclib.geodesic import Geodesic

import audit
import vault
from accounts.models import User
from accounts.selectors import user_ref
from alerts import hotlists, policies, sealed
from alerts.drills import Tested, take_test
from alerts.models import Alert, AlertDetail, AlertEvent, AlertNote, Hotlist, HotlistEntry
from alerts.plates import fold, plate_key
from alerts.schemas import AlertBody
from alerts.selectors import alert_wire, locked
from csoc.lib import clock, events, realtime
from csoc.lib.errors import Refused
from deployments.models import Deployment
from deployments.selectors import active_deployment_locked
from deployments.selectors.installing import open_window_locked
from trailers.models import Trailer
from trailers.services import announce_hotlist

OUTSIDE_RADIUS_M = 750
MAX_NOTE = 2000


def _ref(alert: Alert) -> audit.Ref:
    return audit.Ref("alert", str(alert.pk), alert.agency.code)


def _push(alert: Alert) -> None:
    realtime.push_on_commit(
        "live", {"type": "alert", "agency": alert.agency.code, "alert": alert_wire(alert)}
    )


def _event(alert: Alert, verb: str, at: datetime, person: Any = None, code: str = "") -> None:
    AlertEvent.objects.create(alert=alert, at=at, verb=verb, person=person, code=code)


# --- intake ---------------------------------------------------------------------------------------


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
    _push(alert)
    return alert, True


def _record_or_owe(alert: Alert) -> None:
    """Write the entry; if the inbox alone refuses, owe it (audit.md).

    The one act that goes on without its entry: an alert in a shooting may not be lost to the log.
    """
    try:
        with transaction.atomic():
            audit.record("alert.receive", _ref(alert))
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
    _event(alert, "alert.receive", now)
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


# --- people's acts --------------------------------------------------------------------------------


@transaction.atomic
def acknowledge_alert(*, actor: User, alert_id: UUID, version: int) -> Alert:
    """Take an alert by name. The first one wins; the row lock decides who that is."""
    alert = locked(alert_id)
    policies.may_acknowledge(actor, alert, version)
    now = clock.now()
    alert.acknowledge(actor.person, now)
    alert.save()
    _event(alert, "alert.acknowledge", now, actor.person)
    audit.record("alert.acknowledge", _ref(alert))
    _push(alert)
    return alert


@transaction.atomic
def hand_back_alert(*, actor: User, alert_id: UUID, reason: str) -> Alert:
    """Give an alert back within 60 s: it rings again, and live video on it ends."""
    alert = locked(alert_id)
    now = clock.now()
    policies.may_hand_back(actor, alert, now)
    alert.hand_back()
    alert.save()
    _note(alert, actor, reason, now)
    _event(alert, "alert.hand_back", now, actor.person)
    _record_text("alert.hand_back", alert, reason)
    events.emit("alert.hand_back", alert=alert)
    _push(alert)
    return alert


@transaction.atomic
def close_alert(*, actor: User, alert_id: UUID, version: int, outcome: str, note: str = "") -> Alert:
    """Close an acknowledged alert with an outcome; live video on it ends."""
    alert = locked(alert_id)
    policies.may_close(actor, alert, version)
    now = clock.now()
    alert.close(actor.person, now, outcome)
    alert.save()
    _note(alert, actor, note, now)
    _event(alert, "alert.close", now, actor.person, outcome)
    _record_text("alert.close", alert, note, reason=audit.Reason(outcome))
    events.emit("alert.close", alert=alert)
    _push(alert)
    return alert


@transaction.atomic
def verify_plate(*, actor: User, alert_id: UUID, version: int, decision: str) -> Alert:
    """Confirm or reject a hit after comparing; rejecting erases its detail at once (H9)."""
    alert = locked(alert_id)
    policies.may_verify_plate(actor, alert, version)
    now = clock.now()
    alert.plate_decision = decision
    alert.version += 1
    alert.save()
    if decision == Alert.PlateDecision.REJECT:
        AlertDetail.objects.filter(alert=alert).delete()
    _event(alert, "alert.verify_plate", now, actor.person, decision)
    audit.record("alert.verify_plate", _ref(alert), reason=audit.Reason(decision))
    _push(alert)
    return alert


@transaction.atomic
def add_note(*, actor: User, alert_id: UUID, text: str) -> Alert:
    """Add free text to an open alert, sealed."""
    alert = locked(alert_id)
    policies.may_write_note(actor, alert)
    now = clock.now()
    _note(alert, actor, text, now)
    _event(alert, "alert.note", now, actor.person)
    _record_text("alert.note", alert, text)
    return alert


def _record_text(verb: str, alert: Alert, text: str, reason: audit.Reason | None = None) -> None:
    """Record an act with what its person wrote of the public; that dies with the hour of the capture."""
    kept = {"text": text.strip()[:MAX_NOTE]} if text.strip() else None
    audit.record(verb, _ref(alert), reason=reason, detail=kept, captured_at=alert.occurred_at)


def _note(alert: Alert, actor: User, text: str, at: datetime) -> None:
    if not text.strip():
        return
    epoch, kept = sealed.seal_note(alert, text.strip()[:MAX_NOTE], at)
    AlertNote.objects.create(alert=alert, person=actor.person, at=at, epoch=epoch, sealed=kept)


@transaction.atomic
def start_shift(*, actor: User) -> None:
    """The person armed the alarm on this screen: from now on it can be heard here."""
    policies.may_see_alerts(actor)
    audit.record("shift.start", user_ref(actor))


# --- lists and erasure ----------------------------------------------------------------------------


@transaction.atomic
def publish_hotlist(
    *, actor: User | audit.Actor, agency: Any, list_id: str, issued_at: datetime, rows: list[dict[str, Any]]
) -> Hotlist:
    """Publish the next version of a list: all rows or none. A row missing from ``rows`` is removed.

    rows: ``plate, jurisdiction, category, entry_id, valid_to``. Errors: Refused ``bad-list`` (422).
    """
    hotlist, _made = Hotlist.objects.select_for_update().get_or_create(
        list_id=list_id, defaults={"agency": agency}
    )
    now = clock.now()
    hotlist.version += 1
    hotlist.issued_at, hotlist.imported_at = issued_at, now
    hotlist.save()
    wanted = _entries(hotlist, rows)
    current = {entry.entry_id: entry for entry in hotlist.entries.filter(removed_in__isnull=True)}
    gone = {old.pk for entry_id, old in current.items() if not _same(old, wanted.get(entry_id))}
    HotlistEntry.objects.filter(pk__in=gone).update(removed_in=hotlist.version, removed_at=now)
    standing = {entry_id: old for entry_id, old in current.items() if old.pk not in gone}
    for entry_id, old in standing.items():
        old.valid_to = wanted[entry_id].valid_to
    HotlistEntry.objects.bulk_update(standing.values(), ["valid_to"], batch_size=1000)
    HotlistEntry.objects.bulk_create(new for key, new in wanted.items() if key not in standing)
    announce_hotlist(min_version=hotlist.version, actor=actor)
    audit.record("hotlist.import", audit.Ref("hotlist", list_id, hotlist.agency.code))
    return hotlist


def _entries(hotlist: Hotlist, rows: list[dict[str, Any]]) -> dict[str, HotlistEntry]:
    entries = {row["entry_id"]: _entry(hotlist, row) for row in rows}
    if len(entries) != len(rows):
        raise Refused("bad-list", _("An entry stands twice in the list."), 422)
    return entries


def _same(old: HotlistEntry, new: HotlistEntry | None) -> bool:
    """An entry that names another plate is another entry: a hit on the old one may not ring for the new."""
    names = ("plate", "jurisdiction", "category")
    return new is not None and all(getattr(old, name) == getattr(new, name) for name in names)


def _entry(hotlist: Hotlist, row: dict[str, Any]) -> HotlistEntry:
    key = plate_key(row["plate"])
    if key is None:
        raise Refused("bad-list", _("A row of the list holds no plate."), 422)
    return HotlistEntry(
        hotlist=hotlist, entry_id=row["entry_id"], plate=key, folded=fold(key),
        jurisdiction=row["jurisdiction"], category=row["category"], valid_to=row["valid_to"],
        added_in=hotlist.version,
    )  # fmt: skip


def delete_detail_of(epoch: datetime) -> int:
    """Delete every sealed row of this epoch and older ones; returns how many (called by the vault).

    Older ones too: after a crash between keys and rows nothing else would find them.
    """
    details, _by_model = AlertDetail.objects.filter(epoch__lte=epoch).delete()
    notes, _by_model = AlertNote.objects.filter(epoch__lte=epoch).delete()
    return details + notes


def delete_removed_entries(epoch: datetime) -> int:
    """Delete list entries that were removed in this epoch or before; returns how many (H8: after 48 h)."""
    gone = HotlistEntry.objects.filter(removed_at__lt=epoch + timedelta(hours=1))
    return gone.delete()[0]


def oldest_detail() -> datetime | None:
    """Return the oldest epoch that still has a sealed row, for the vault's watchdog."""
    oldest = [model.objects.aggregate(oldest=Min("epoch"))["oldest"] for model in (AlertDetail, AlertNote)]
    return min(filter(None, oldest), default=None)
