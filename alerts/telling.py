"""What every change of an alert has in common: its name in the log, its line, its push."""

from datetime import datetime
from typing import Any

import audit
from alerts.models import Alert, AlertEvent
from alerts.selectors import alert_wire
from csoc.lib import realtime


def ref(alert: Alert) -> audit.Ref:
    """How the log names an alert."""
    return audit.Ref("alert", str(alert.pk), alert.agency.code)


def push(alert: Alert) -> None:
    """Show the alert as it now is on every board of its agency, after commit."""
    realtime.push_on_commit(
        "live", {"type": "alert", "agency": alert.agency.code, "alert": alert_wire(alert)}
    )


def event(alert: Alert, verb: str, at: datetime, person: Any = None, code: str = "") -> None:
    """Add one line to the alert's timeline."""
    AlertEvent.objects.create(alert=alert, at=at, verb=verb, person=person, code=code)
