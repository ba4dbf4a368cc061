"""Sealing and opening what an alert says of people: plate, list reference, vehicle, confidence, notes."""

import hashlib
import hmac
import os
from datetime import datetime
from typing import Any

import msgspec

import vault
from alerts.media.refusing import upload_over
from alerts.models import Alert, AlertDetail, AlertMedia, AlertNote
from alerts.schemas import AlertBody
from csoc.lib.errors import Refused, nothing_here


def _aad(kind: str, alert_id: Any) -> bytes:
    return f"{kind}:{alert_id}".encode()


def _mac(salt: bytes, body: AlertBody) -> str:
    """Compare by HMAC: a plain digest of a body with a plate could be searched (trailer contract).

    Equal values have equal bytes: members stand in the struct's order, and numbers in one form.
    """
    return hmac.digest(salt, msgspec.json.encode(body), "sha256").hex()


def seal_detail(
    body: AlertBody, listed: dict[str, str] | None, sealer: vault.Sealer
) -> tuple[datetime, bytes]:
    """Return (epoch, sealed bytes). Errors: vault.EpochGone when the key of the capture's hour is gone."""
    salt = os.urandom(32)
    values = {
        body.kind: getattr(body, body.kind),
        "listed": listed,
        "clock": body.clock,
        "salt": salt.hex(),
        "mac": _mac(salt, body),
    }
    return sealer.seal(msgspec.json.encode(values), body.occurred, _aad("detail", body.id))


def open_detail(alert: Alert) -> dict[str, Any]:
    """Return the sealed values. Errors: vault.Gone once they are erased, or were never kept."""
    kept = AlertDetail.objects.filter(alert=alert).first()
    if kept is None:
        raise vault.Gone("the alert has no detail")
    opened = vault.open(kept.epoch, bytes(kept.sealed), _aad("detail", alert.pk))
    values: dict[str, Any] = msgspec.json.decode(opened)
    return values


def is_same(alert: Alert, body: AlertBody) -> bool:
    """True if ``body`` says exactly what the accepted alert said."""
    try:
        values = open_detail(alert)
    except vault.Gone:
        return (alert.kind, alert.occurred_at, alert.seq) == (body.kind, body.occurred, body.seq)
    return hmac.compare_digest(values["mac"], _mac(bytes.fromhex(values["salt"]), body))


def seal_note(alert: Alert, text: str, at: datetime) -> tuple[datetime, bytes]:
    """Seal free text under the key of the hour in which it was written."""
    return vault.seal(text.encode(), at, _aad("note", alert.pk))


def open_note(note: AlertNote) -> str:
    """Return the text. Errors: vault.Gone."""
    return vault.open(note.epoch, bytes(note.sealed), _aad("note", note.alert_id)).decode()


def announced_media(alert: Alert, kind: str) -> dict[str, Any]:
    """Return what the alert announced of its clip or crop: ``sha256``, ``bytes`` and more.

    Errors: Refused ``not-found`` 404 if nothing, ``too-old`` 410 once the detail is erased.
    """
    try:
        notice = (open_detail(alert).get(alert.kind) or {}).get(kind)
    except vault.Gone:
        raise upload_over() from None
    if notice is None:
        raise nothing_here()
    found: dict[str, Any] = notice
    return found


def same_media(notice: dict[str, Any], body: bytes) -> None:
    """Errors: Refused ``id-conflict`` 409 when these are not the announced bytes."""
    digest = hashlib.sha256(body).hexdigest()
    if len(body) != notice["bytes"] or not hmac.compare_digest(digest, notice["sha256"]):
        raise Refused("id-conflict", "These are not the bytes that the alert announced.", 409)


def seal_media(alert: Alert, kind: str, told: dict[str, Any], body: bytes) -> tuple[datetime, bytes, bytes]:
    """Return the epoch, what is told of it and the bytes, both sealed, to die with the alert's detail.

    Errors: vault.EpochGone.
    """
    epoch, facts = vault.seal(msgspec.json.encode(told), alert.detail.epoch, _aad(f"{kind}-facts", alert.pk))
    _same, media = vault.seal(body, alert.detail.epoch, _aad(kind, alert.pk))
    return epoch, facts, media


def open_facts(kept: AlertMedia) -> dict[str, Any]:
    """Return what is told of a kept clip or crop. Errors: vault.Gone."""
    aad = _aad(f"{kept.kind}-facts", kept.alert_id)
    told: dict[str, Any] = msgspec.json.decode(vault.open(kept.epoch, bytes(kept.facts or b""), aad))
    return told


def open_media(kept: AlertMedia) -> bytes:
    """Return its bytes. Errors: vault.Gone."""
    return vault.open(kept.epoch, bytes(kept.sealed or b""), _aad(kept.kind, kept.alert_id))
