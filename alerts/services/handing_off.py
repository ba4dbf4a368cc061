"""Handing an alert to the CAD: one transaction with the sealed document, the entry and the push.

The document is written down with the act and leaves after it (``alerts.handoff.sending``), so no byte of it
is anywhere before its entry has committed (H13), and nothing is lost when a process dies in between.
"""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext as _

import audit
import vault
from accounts.models import User
from alerts import policies
from alerts.handoff import cap, eido, sealing, targets
from alerts.handoff import selectors as documents
from alerts.handoff.facts import MAX_NOTE, Facts, Message, facts_of
from alerts.handoff.models import HandOff
from alerts.models import Alert
from alerts.selectors import locked
from alerts.telling import event, push, push_hand_off, ref
from csoc.lib import clock
from csoc.lib.errors import Refused


@transaction.atomic
def hand_off_alert(
    *, actor: User, alert_id: UUID, target: str, version: int, note: str = "", cad: str = ""
) -> HandOff:
    """Hand an acknowledged alert to ``target``; the first wins, a later one that has seen it corrects it.

    note, cad: the person's words and the CAD number, both part of the document.
    Errors: Refused, among them ``already-handed-off`` (409) with ``by`` and ``at``.
    """
    alert = locked(alert_id)
    earlier = list(alert.hand_offs.filter(target=target).select_related("person").order_by("number"))
    policies.may_hand_off(actor, alert, version, target, note, earlier)
    row = HandOff(
        id=uuid4(), alert=alert, target=target, number=len(earlier) + 1, person=actor.person, at=clock.now()
    )
    message = Message(str(row.pk), row.at, tuple((str(one.pk), one.at) for one in earlier))
    facts = facts_of(alert, message, target=target, person=actor.person, note=note, cad=cad)
    row.epoch, row.sealed = _sealed(row, alert, facts)
    row.due_at = row.at if target == HandOff.Target.CAD else None
    row.save(force_insert=True)
    alert.version += 1
    alert.save(update_fields=["version"])
    event(alert, "alert.hand_off", row.at, actor.person, target)
    kept = {"text": facts.note[:MAX_NOTE]} if facts.note else None
    audit.record(
        "alert.hand_off", ref(alert), reason=audit.Reason(target, facts.cad or None), detail=kept,
        captured_at=alert.occurred_at, recipients=[targets.name_of(target)],
    )  # fmt: skip
    push(alert)
    return row


@transaction.atomic
def fetch_document(*, actor: User, alert_id: UUID, receipt: UUID, form: str) -> bytes:
    """Return one document of a hand-off by file. Whoever fetches the first one settles its receipt.

    That somebody looked is an entry each time, which the view's guard writes; that it is delivered, is one.
    Errors: Refused ``not-found``, ``detail-expired`` (410).
    """
    content = documents.document(actor, alert_id, receipt, form)
    rows = HandOff.objects.select_for_update(of=("self",)).select_related("alert__agency")
    row = rows.get(pk=receipt)
    if row.state == HandOff.State.QUEUED:
        now = clock.now()
        row.settle(now)
        row.save(update_fields=["state", "settled_at", "due_at", "fault"])
        event(row.alert, "alert.hand_off_end", now, actor.person, "fetched")
        outcome = audit.Outcome("allowed", n=1, bytes=len(content))
        audit.record("alert.hand_off_end", ref(row.alert), reason=audit.Reason(row.target), outcome=outcome)
        push_hand_off(row)
    return content


def _sealed(row: HandOff, alert: Alert, facts: Facts) -> tuple[datetime, bytes]:
    addressee = targets.name_of(row.target)
    both = {"cap.xml": cap.document(facts, addressee), "eido.json": eido.document(facts)}
    try:
        return sealing.seal(row, alert, both)
    except vault.EpochGone:
        raise Refused(
            "detail-expired", _("The details were erased 48 hours after capture. Hand over by radio."), 410
        ) from None
