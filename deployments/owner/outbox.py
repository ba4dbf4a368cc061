"""The outbox of mail to owners: written with the act, sent after it, tried five times.

A row is claimed in a transaction of its own before anything leaves: two workers never send the same one,
and one that dies in between tries again later instead of for ever. Whatever was sent is emptied.
"""

import logging
import time
from datetime import datetime, timedelta

from django.core.mail import EmailMessage
from django.db import transaction

from csoc.lib import clock
from csoc.lib.sealing import SealBroken
from deployments.models import ConsentRequest, OwnerMail
from deployments.owner import links
from deployments.owner.texts import Texts
from vault import records

log = logging.getLogger(__name__)

#: Seconds until the next try, after the first, second … one.
BACK_OFF_S = (30, 120, 600, 1800)
MOST_TRIES = len(BACK_OFF_S) + 1
#: The worker has other work: a round takes no longer than this and one mail.
ROUND_S = 4.0


def put(
    request: ConsentRequest, kind: OwnerMail.Kind, *, to: str, texts: Texts, key: str, **values: object
) -> OwnerMail:
    """Write a mail of the texts ``mail.<key>``; part of the caller's transaction."""
    now = clock.now()
    mail = {"to": to, "subject": texts.say(f"mail.{key}_subject"), "text": texts.say(f"mail.{key}", **values)}
    sealed = records.seal_json(request.record, "mail", mail)
    return OwnerMail.objects.create(request=request, kind=kind, sealed=sealed, made_at=now, due_at=now)


def drop(request: ConsentRequest, fault: str, kinds: tuple[str, ...]) -> None:
    """Send nothing of these kinds that still waits; part of the caller's transaction."""
    waiting = OwnerMail.objects.filter(request=request, kind__in=kinds, sent_at=None, failed_at=None)
    waiting.update(failed_at=clock.now(), fault=fault, sealed=b"")


def send_due(now: datetime) -> int:
    """Send what is due; returns how many left."""
    until, sent = time.monotonic() + ROUND_S, 0
    while time.monotonic() < until and (mail := _claim(now)) is not None:
        sent += _sent(mail)
    return sent


def _claim(now: datetime) -> OwnerMail | None:
    """Take the oldest due mail for one try."""
    with transaction.atomic():
        waiting = OwnerMail.objects.filter(sent_at=None, failed_at=None, due_at__lte=now)
        rows = waiting.select_for_update(skip_locked=True, of=("self",)).select_related("request")
        mail = rows.order_by("due_at", "pk").first()
        if mail is not None:
            mail.tries += 1
            mail.due_at = now + timedelta(seconds=BACK_OFF_S[min(mail.tries, len(BACK_OFF_S)) - 1])
            mail.save(update_fields=["tries", "due_at"])
    return mail


def _sent(mail: OwnerMail) -> bool:
    if mail.kind == OwnerMail.Kind.CODE and clock.now() >= mail.made_at + links.CODE_LIFE:
        _give_up(mail, "too-late")
        return False
    try:
        told = records.unseal_json(mail.request.record, "mail", bytes(mail.sealed))
    except (records.Gone, SealBroken):
        _give_up(mail, "gone")
        return False
    try:
        deliver(told["to"], told["subject"], told["text"])
    except Exception as error:
        # Whatever a mail server does: its words may hold the address, so only the kind of fault is kept.
        fault = type(error).__name__
        log.warning("a mail to an owner was not taken (try %d): %s", mail.tries, fault)
        if mail.tries >= MOST_TRIES:
            _give_up(mail, fault[:40])
        else:
            OwnerMail.objects.filter(pk=mail.pk).update(fault=fault[:40])
        return False
    OwnerMail.objects.filter(pk=mail.pk).update(sent_at=clock.now(), sealed=b"", fault="")
    return True


def _give_up(mail: OwnerMail, fault: str) -> None:
    OwnerMail.objects.filter(pk=mail.pk).update(failed_at=clock.now(), sealed=b"", fault=fault)


def deliver(to: str, subject: str, text: str) -> None:
    """Hand one message to the channel of the configuration (``CSOC_OWNER_CHANNEL``): mail. Errors: any."""
    EmailMessage(subject=subject, body=text, to=[to]).send()
