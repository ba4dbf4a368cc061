"""Reading hand-offs: how far each is, what would be sent, what was."""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

import vault
from accounts.models import User
from accounts.selectors import person_wire
from alerts import selectors
from alerts.handoff import sealing
from alerts.handoff.facts import Message, facts_of
from alerts.handoff.models import HandOff
from alerts.handoff.targets import name_of, targets
from alerts.handoff.wording import rows_of
from alerts.models import Alert
from csoc.lib import clock
from csoc.lib.errors import Refused, nothing_here
from csoc.lib.sealing import SealBroken

log = logging.getLogger(__name__)


def receipt_wire(row: HandOff) -> dict[str, Any]:
    """A hand-off on the wire: where it is by the outbox's own word, without content."""
    forms = sealing.FORMS if row.target == HandOff.Target.FILE and row.sealed else ()
    return {
        "id": str(row.pk),
        "target": row.target,
        "name": str(name_of(row.target)),
        "state": row.state,
        "attempts": row.attempts,
        "fault": row.fault,
        "number": row.number,
        "by": person_wire(row.person),
        "at": clock.wire(row.at),
        "settled_at": clock.wire(row.settled_at),
        "files": {
            form: reverse(f"hand-off-{form.partition('.')[0]}", args=[row.alert_id, row.pk]) for form in forms
        },
    }


def hand_offs(alert: Alert) -> dict[str, Any]:
    """Return where it may go and where it has gone, oldest first."""
    rows = HandOff.objects.filter(alert=alert).select_related("person").order_by("at", "number")
    return {
        "targets": [choice._asdict() for choice in targets()],
        "receipts": [receipt_wire(row) for row in rows],
    }


def preview(user: User, alert: Alert) -> dict[str, Any]:
    """Return what would be sent, as (name, words): the very rows that the documents are made of."""
    if alert.state != Alert.State.ACKNOWLEDGED:
        raise Refused("not-acknowledged", _("Acknowledge the alert first."), 403)
    message = Message("", clock.now())
    facts = facts_of(alert, message, target=HandOff.Target.FILE, person=user.person)
    rows = [{"name": name, "words": words} for name, words in rows_of(facts)]
    return {"version": alert.version, "rows": rows}


def document(user: User, alert_id: UUID, receipt: UUID, form: str) -> bytes:
    """Return one document as it was handed off.

    Errors: Refused ``not-found``, ``detail-expired`` (410), ``detail-broken`` (500).
    """
    alert = selectors.visible_alert(user, alert_id)
    row = HandOff.objects.filter(pk=receipt, alert=alert, target=HandOff.Target.FILE).first()
    if row is None:
        raise nothing_here()
    try:
        return sealing.unseal(row, form)
    except vault.Gone:
        raise Refused(
            "detail-expired", _("What was handed off was erased 48 hours after capture."), 410
        ) from None
    except SealBroken:
        log.error("the sealed document of hand-off %s does not open: changed, or under another key", row.pk)
        sentence = _("What was handed off does not open: it was changed, or its key is another one.")
        raise Refused("detail-broken", sentence, 500) from None


def cad_status(user: User) -> dict[str, Any]:
    """Return since when the CAD owes an answer about an open alert, and how many it will never have.

    ``waiting_since``: the oldest hand-off that is still being tried. ``failed``: open alerts of the agency
    whose newest hand-off to the CAD failed.
    """
    rows = HandOff.objects.filter(target=HandOff.Target.CAD, alert__agency_id=user.person.agency_id).exclude(
        alert__state=Alert.State.CLOSED
    )
    oldest: datetime | None = (
        rows.filter(state__in=HandOff.WAITING).order_by("at").values_list("at", flat=True).first()
    )
    newest: dict[UUID, str] = dict(rows.order_by("number").values_list("alert_id", "state"))
    return {
        "waiting_since": clock.wire(oldest),
        "failed": sum(state == HandOff.State.FAILED for state in newest.values()),
    }


def oldest_document() -> datetime | None:
    """Return the oldest epoch that still has a document, for the vault's watchdog."""
    kept = HandOff.objects.exclude(sealed=b"").order_by("epoch")
    return kept.values_list("epoch", flat=True).first()
