"""What people do to alerts. Each function is one transaction and one audit entry; what a screen must show
is pushed after commit."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

import audit
from accounts.models import User
from accounts.selectors import user_ref
from alerts import policies, sealed
from alerts.models import Alert, AlertDetail, AlertMedia, AlertNote
from alerts.selectors import locked
from alerts.telling import event, push, ref
from csoc.lib import clock, events

MAX_NOTE = 2000


@transaction.atomic
def acknowledge_alert(*, actor: User, alert_id: UUID, version: int) -> Alert:
    """Take an alert by name. The first one wins; the row lock decides who that is."""
    alert = locked(alert_id)
    policies.may_acknowledge(actor, alert, version)
    now = clock.now()
    alert.acknowledge(actor.person, now)
    alert.save()
    event(alert, "alert.acknowledge", now, actor.person)
    audit.record("alert.acknowledge", ref(alert))
    push(alert)
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
    event(alert, "alert.hand_back", now, actor.person)
    _record_text("alert.hand_back", alert, reason)
    events.emit("alert.hand_back", alert=alert)
    push(alert)
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
    event(alert, "alert.close", now, actor.person, outcome)
    _record_text("alert.close", alert, note, reason=audit.Reason(outcome))
    events.emit("alert.close", alert=alert)
    push(alert)
    return alert


@transaction.atomic
def verify_plate(*, actor: User, alert_id: UUID, version: int, decision: str) -> Alert:
    """Confirm or reject a hit after comparing; rejecting erases its crop and detail at once (H9)."""
    alert = locked(alert_id)
    policies.may_verify_plate(actor, alert, version)
    now = clock.now()
    alert.plate_decision = decision
    alert.version += 1
    alert.save()
    if decision == Alert.PlateDecision.REJECT:
        AlertMedia.objects.filter(alert=alert).delete()
        AlertDetail.objects.filter(alert=alert).delete()
    event(alert, "alert.verify_plate", now, actor.person, decision)
    audit.record("alert.verify_plate", ref(alert), reason=audit.Reason(decision))
    push(alert)
    return alert


@transaction.atomic
def add_note(*, actor: User, alert_id: UUID, text: str) -> Alert:
    """Add free text to an open alert, sealed."""
    alert = locked(alert_id)
    policies.may_write_note(actor, alert)
    now = clock.now()
    _note(alert, actor, text, now)
    event(alert, "alert.note", now, actor.person)
    _record_text("alert.note", alert, text)
    return alert


def _record_text(verb: str, alert: Alert, text: str, reason: audit.Reason | None = None) -> None:
    """Record an act with what its person wrote of the public; that dies with the hour of the capture."""
    kept = {"text": text.strip()[:MAX_NOTE]} if text.strip() else None
    audit.record(verb, ref(alert), reason=reason, detail=kept, captured_at=alert.occurred_at)


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
