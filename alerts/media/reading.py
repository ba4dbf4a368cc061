"""What people are told of an alert's clip or crop, and its bytes. Who may look is decided by the caller."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

import vault
from alerts import policies, sealed
from alerts.media.refusing import REASONS
from alerts.models import Alert, AlertMedia
from csoc.lib import clock
from csoc.lib.errors import Refused

KIND_OF = {Alert.Kind.GUNSHOT: AlertMedia.Kind.CLIP, Alert.Kind.ALPR_HIT: AlertMedia.Kind.CROP}
_ADDRESS = {AlertMedia.Kind.CLIP: "alert-clip", AlertMedia.Kind.CROP: "alert-crop"}


def told(alert: Alert, values: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """Return ``clip`` or ``crop`` and how it stands; None when the alert announced none.

    ``state``: awaited (``until``), missing, kept (``url`` and its facts), refused (``code``, ``reason``).
    values: the alert's opened detail. Errors: vault.Gone.
    """
    kind = KIND_OF[Alert.Kind(alert.kind)]
    if not (values.get(alert.kind) or {}).get(kind):
        return kind, None
    kept = AlertMedia.objects.filter(alert=alert, kind=kind).defer("sealed").first()
    if kept is None:
        until = policies.upload_until(alert)
        waits = clock.now() < until
        return kind, {"state": "awaited" if waits else "missing", "until": clock.wire(until)}
    if kept.code:
        return kind, {"state": "refused", "code": kept.code, "reason": str(REASONS[kept.code])}
    url = reverse(_ADDRESS[kind], args=[alert.pk])
    return kind, {"state": "kept", "url": url, **sealed.open_facts(kept)}


def opened(alert: Alert, kind: str) -> bytes:
    """Return the bytes of a kept clip or crop.

    Errors: Refused ``not-found`` 404 when none was kept, ``detail-expired`` 410 once it is erased.
    """
    kept = AlertMedia.objects.filter(alert=alert, kind=kind).first()
    if kept is None or kept.code:
        raise Refused("not-found", _("Nothing of it is kept here."), 404)
    try:
        return sealed.open_media(kept)
    except vault.Gone:
        raise Refused("detail-expired", _("It was erased 48 hours after capture."), 410) from None
