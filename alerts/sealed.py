"""Sealing and opening what an alert says of people: plate, list reference, vehicle, confidence, notes."""

import hashlib
import hmac
import os
from datetime import datetime
from typing import Any

import msgspec

import vault
from alerts.models import Alert, AlertDetail, AlertNote
from alerts.schemas import AlertBody
from csoc.lib import canonical


def _aad(kind: str, alert_id: Any) -> bytes:
    return f"{kind}:{alert_id}".encode()


def _mac(salt: bytes, body: AlertBody) -> str:
    """Compare by HMAC: a plain digest of a body with a plate could be searched (trailer contract)."""
    return hmac.new(salt, canonical.dumps(msgspec.to_builtins(body)), hashlib.sha256).hexdigest()


def seal_detail(body: AlertBody, listed: dict[str, str] | None) -> tuple[datetime, bytes]:
    """Return (epoch, sealed bytes). Errors: vault.EpochGone when the key of the capture's hour is gone."""
    salt = os.urandom(32)
    values = {
        body.kind: msgspec.to_builtins(getattr(body, body.kind)),
        "listed": listed,
        "clock": msgspec.to_builtins(body.clock),
        "salt": salt.hex(),
        "mac": _mac(salt, body),
    }
    return vault.seal(msgspec.json.encode(values), body.occurred, _aad("detail", body.id))


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
