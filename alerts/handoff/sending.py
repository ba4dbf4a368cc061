"""The worker of the outbox: claim one row, send it, write down what came of it.

A row is claimed in a transaction of its own before anything leaves, so two workers never send the same one at
once. What a crash leaves: a row ``sent`` that is due again in ``CLAIM_S``; it goes out once more under the
same Idempotency-Key, by which the receiver knows it. Nothing is ever lost between commit and delivery.

A receiver that hangs is asked by one row at a time, and whatever else waits for it waits with that row: the
worker that sends also ends deployments and purges.
"""

import logging
import random
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

import audit
import vault
from alerts.handoff import posting, sealing, targets
from alerts.handoff.models import HandOff
from alerts.handoff.posting import NotTaken
from alerts.telling import event, push_hand_off, ref
from csoc.lib import clock
from csoc.lib.sealing import SealBroken

log = logging.getLogger(__name__)

#: Longer than a try can take: after it the process that claimed the row is taken for dead.
CLAIM_S = 15
#: Full jitter: anywhere between 1 s and the doubled, capped wait.
BACK_OFF_S, MOST_BACK_OFF_S = 2.0, 30.0
#: Some ten minutes of trying. Long before that the board says: hand over by radio.
MOST_TRIES = 40
#: A round takes no longer than this and one try.
ROUND_S = 4.0
#: The document was changed, or its key is not the one that sealed it: a fault to look into, and no expiry.
BROKEN = "broken"
#: Codes that tell of the line and not of the document: whatever else waits would meet the same.
OF_THE_LINE = ("no-connection", "no-answer", "bad-certificate", "tls", "token")


def send_due(*, actor: audit.Actor) -> int:
    """Send what is due; returns how many were delivered."""
    until, delivered = time.monotonic() + ROUND_S, 0
    with audit.acting_as(actor):
        while time.monotonic() < until and (row := _claim(clock.now())) is not None:
            fault = _try(row)
            delivered += not fault
            if fault in OF_THE_LINE:
                break
    return delivered


def _claim(now: datetime) -> HandOff | None:
    """Take the oldest due row for one try."""
    with transaction.atomic():
        # A correction never overtakes what it corrects.
        before = HandOff.objects.filter(
            alert=OuterRef("alert"), target=OuterRef("target"), number__lt=OuterRef("number"),
            state__in=HandOff.WAITING,
        )  # fmt: skip
        due = HandOff.objects.filter(~Exists(before), due_at__lte=now, state__in=HandOff.WAITING)
        row = due.select_for_update(skip_locked=True, of=("self",)).order_by("due_at", "at").first()
        if row is not None:
            row.claim(now, now + timedelta(seconds=CLAIM_S))
            row.save(update_fields=["state", "attempts", "tried_at", "due_at"])
    return row


def _try(row: HandOff) -> str:
    """Send one claimed row and write down what came of it; return why it was not taken, or nothing."""
    size = 0
    try:
        body = sealing.unseal(row, targets.form_for_cad())
        size = len(body)
        _post(row, body)
    except vault.Gone:
        _settle(row, "expired")
        return "expired"
    except SealBroken:
        # Its hour is not over: somebody changed the row, or the key on this machine is another one.
        log.error("the sealed document of hand-off %s does not open: changed, or under another key", row.pk)
        _settle(row, BROKEN)
        return BROKEN
    except NotTaken as not_taken:
        log.warning("the CAD did not take a hand-off (try %d): %s", row.attempts, not_taken.code)
        _not_taken(row, not_taken)
        return not_taken.code
    _settle(row, "", size)
    return ""


def _post(row: HandOff, body: bytes) -> None:
    if not settings.CAD_URL:
        raise NotTaken("no-receiver", final=True)
    try:
        receiver = targets.receiver()
    except (OSError, ValueError):
        raise NotTaken("token") from None
    posting.post(receiver, body, media_type=targets.MEDIA_TYPES[targets.form_for_cad()], key=str(row.pk))


def _not_taken(row: HandOff, why: NotTaken) -> None:
    if why.final or row.attempts >= MOST_TRIES:
        _settle(row, why.code if why.final else f"gave-up.{why.code}"[:24])
        return
    again_at = clock.now() + timedelta(seconds=back_off_s(row.attempts))
    with transaction.atomic():
        locked = _locked(row)
        if locked is None:
            return
        locked.postpone(again_at, why.code, left=why.left)
        locked.save(update_fields=["state", "due_at", "fault"])
        if why.code in OF_THE_LINE:
            others = HandOff.objects.filter(due_at__lt=again_at, state__in=HandOff.WAITING)
            others.exclude(pk=row.pk).update(due_at=again_at)
        push_hand_off(locked)


def back_off_s(attempts: int) -> float:
    """Return the seconds until the next try after ``attempts`` of them."""
    return max(1.0, random.uniform(0, min(MOST_BACK_OFF_S, BACK_OFF_S * 2**attempts)))


def _locked(row: HandOff) -> HandOff | None:
    """The row under lock, unless somebody settled it meanwhile: that stands."""
    rows = HandOff.objects.select_for_update(of=("self",)).select_related("alert__agency")
    locked = rows.get(pk=row.pk)
    return locked if locked.state in HandOff.WAITING else None


def _settle(row: HandOff, fault: str, size: int | None = None) -> None:
    """Write down how it ended: the row, the timeline, the log."""
    with transaction.atomic():
        locked = _locked(row)
        if locked is None:
            return
        now = clock.now()
        locked.settle(now, fault)
        locked.save(update_fields=["state", "settled_at", "due_at", "fault"])
        outcome = audit.Outcome("failed" if fault else "allowed", fault or None, locked.attempts, size)
        reason = audit.Reason(locked.target)
        audit.record("alert.hand_off_end", ref(locked.alert), reason=reason, outcome=outcome)
        event(locked.alert, "alert.hand_off_end", now, code=_told(fault))
        push_hand_off(locked)


def _told(fault: str) -> str:
    """The timeline's code of how it ended."""
    if not fault:
        return "delivered"
    return BROKEN if fault == BROKEN else "failed"


def end_expired(epoch: datetime) -> int:
    """Erase what was handed off of this hour or before, and end what still waits; called by the purge.

    Returns how many documents were erased. The rows stay: they tell who handed what to whom, without content.
    """
    rows = HandOff.objects.filter(epoch__lte=epoch)
    for row in rows.filter(state__in=HandOff.WAITING, target=HandOff.Target.CAD):
        _settle(row, "expired")
    now = clock.now()
    rows.filter(state__in=HandOff.WAITING).update(
        state="failed", settled_at=now, due_at=None, fault="expired"
    )
    return rows.exclude(sealed=b"").update(sealed=b"")
