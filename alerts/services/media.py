"""A trailer brings the clip or the crop it announced: judged in memory, then one transaction and one entry.

The check is slow, so it runs between two looks at the alert, with no row locked: what ended meanwhile is
found by the second. A refused one leaves its code, a mark on the alert, and nothing of itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

import audit
import vault
from alerts import policies, sealed
from alerts.media import clip, crop, slots
from alerts.media.refusing import refused, upload_over
from alerts.models import Alert, AlertMedia
from alerts.selectors import locked
from alerts.telling import event, push, push_media, ref
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments.selectors import active_deployment_locked
from trailers.models import Trailer

CLIP, CROP = AlertMedia.Kind.CLIP, AlertMedia.Kind.CROP
_RECEIVE: dict[str, str] = {CLIP: "clip.receive", CROP: "crop.receive"}
_REFUSE: dict[str, str] = {CLIP: "clip.refuse", CROP: "crop.refuse"}


class _Awaited(NamedTuple):
    """An alert that announced exactly these bytes; ``kept``: they are here already."""

    alert: Alert
    notice: dict[str, Any]
    kept: bool


def receive_clip(*, actor: Trailer, alert_id: UUID, body: bytes) -> bool:
    """Keep the announced clip of a gunshot; False when it was kept already.

    Errors: Refused with the contract's codes; 422 ``clip-*`` marks the alert, nothing of the body is kept.
    """
    if _look(actor, alert_id, CLIP, body).kept:
        return False
    try:
        with _checking():
            found = clip.check(body, actor.audio_rate_hz)
    except Refused as refusal:
        _mark(actor, alert_id, CLIP, body, refusal)
        raise
    return _keep(actor, alert_id, CLIP, body, found._asdict(), body)


def receive_crop(*, actor: Trailer, alert_id: UUID, body: bytes) -> bool:
    """Keep the announced crop of a plate, encoded anew; False when it was kept already. Errors: as above."""
    awaited = _look(actor, alert_id, CROP, body)
    if awaited.kept:
        return False
    size = {"width": awaited.notice["width"], "height": awaited.notice["height"]}
    try:
        with _checking():
            clean = crop.clean(body, **size)
    except Refused as refusal:
        _mark(actor, alert_id, CROP, body, refusal)
        raise
    return _keep(actor, alert_id, CROP, body, size, clean)


@contextmanager
def _checking() -> Iterator[None]:
    """Hold a place for the check, and meanwhile no connection to the database: alerts need them all."""
    if not connection.in_atomic_block:
        connection.close()
    with slots.CHECKS.one():
        yield


@transaction.atomic
def _look(trailer: Trailer, alert_id: UUID, kind: str, body: bytes) -> _Awaited:
    """Every check of the contract but the slow one, in its order. Errors: Refused.

    Locks as intake does: the deployment, then the alert.
    """
    now = clock.now()
    standing = active_deployment_locked(trailer, now)
    alert = locked(alert_id)
    policies.may_upload(trailer, alert, standing)
    notice = sealed.announced_media(alert, kind)
    policies.in_upload_window(alert, now)
    sealed.same_media(notice, body)
    known = AlertMedia.objects.filter(alert=alert, kind=kind).values_list("code", flat=True).first()
    if known:
        raise refused(known)
    return _Awaited(alert, notice, kept=known is not None)


@transaction.atomic
def _keep(
    trailer: Trailer, alert_id: UUID, kind: str, body: bytes, told: dict[str, Any], kept: bytes
) -> bool:
    alert, _notice, known = _look(trailer, alert_id, kind, body)
    if known:
        return False
    now = clock.now()
    try:
        epoch, facts, media = sealed.seal_media(alert, kind, told, kept)
    except vault.EpochGone:
        raise upload_over() from None
    AlertMedia.objects.create(alert=alert, kind=kind, at=now, epoch=epoch, facts=facts, sealed=media)
    event(alert, _RECEIVE[kind], now)
    audit.record(_RECEIVE[kind], ref(alert))
    push_media(alert)
    return True


@transaction.atomic
def _mark(trailer: Trailer, alert_id: UUID, kind: str, body: bytes, refusal: Refused) -> None:
    """Remember why it was refused: the same bytes are not judged twice, and people read the reason."""
    if refusal.status != 422:
        return
    alert, _notice, known = _look(trailer, alert_id, kind, body)
    if known:
        return
    now = clock.now()
    AlertMedia.objects.create(alert=alert, kind=kind, at=now, epoch=alert.detail.epoch, code=refusal.code)
    if kind == CLIP:
        alert.refuse_clip()
        alert.save()
        push(alert)
    event(alert, _REFUSE[kind], now, code=refusal.code)
    audit.record(_REFUSE[kind], ref(alert), outcome=audit.Outcome("denied", refusal.code))
    push_media(alert)
