"""Where a trailer may put the clip or crop that its alert announced: part of the answer to the alert."""

from typing import Any

from alerts import policies
from alerts.models import Alert
from alerts.schemas import AlertBody
from csoc.lib import clock


def upload_of(alert: Alert, body: AlertBody) -> dict[str, Any] | None:
    """Return the contract's ``upload``: None when nothing was announced, or its detail is erased already."""
    notice = body.gunshot.clip if body.gunshot else body.alpr_hit.crop if body.alpr_hit else None
    if notice is None or "detail-expired" in alert.flags:
        return None
    name = "clip" if body.gunshot else "crop"
    until = clock.wire(policies.upload_until(alert))
    return {name: f"/api/v1/alerts/{alert.pk}/{name}", "until": until}
