"""Keeping what is handed off: both documents sealed together under the hour of the alert's capture."""

from datetime import datetime

import msgspec

import vault
from alerts.handoff.models import HandOff
from alerts.models import Alert

#: The two forms, as the addresses and the sealed object name them.
FORMS = ("cap.xml", "eido.json")


def _aad(row: HandOff) -> bytes:
    return f"hand-off:{row.pk}".encode()


def seal(row: HandOff, alert: Alert, documents: dict[str, bytes]) -> tuple[datetime, bytes]:
    """Return (epoch, sealed bytes). Errors: vault.EpochGone when the key of the capture's hour is gone."""
    return vault.seal(msgspec.msgpack.encode(documents), alert.occurred_at, _aad(row))


def unseal(row: HandOff, form: str) -> bytes:
    """Return one of its documents. Errors: vault.Gone once its hour's key is destroyed or it was erased."""
    if not row.sealed:
        raise vault.Gone("the document was erased")
    opened = vault.open(row.epoch, bytes(row.sealed), _aad(row))
    documents: dict[str, bytes] = msgspec.msgpack.decode(opened)
    return documents[form]
