"""What every change of an alert has in common: its name in the log, its line, its push."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import audit
from alerts.handoff.models import HandOff
from alerts.models import Alert, AlertEvent
from alerts.selectors import alert_wire
from csoc.lib import realtime


def ref(alert: Alert) -> audit.Ref:
    """How the log names an alert."""
    return audit.Ref("alert", str(alert.pk), alert.agency.code)


def push(alert: Alert) -> None:
    """Show the alert as it now is on every board of its agency, after commit."""
    push_all([alert])


def push_all(alerts: Sequence[Alert]) -> None:
    """The same for many alerts, in one round trip."""
    realtime.push_all_on_commit(
        "live",
        [{"type": "alert", "agency": alert.agency.code, "alert": alert_wire(alert)} for alert in alerts],
    )


def push_media(alert: Alert) -> None:
    """Say that its clip or crop has come, or was refused: a screen that shows it asks anew.

    Not a new version: it may come while somebody presses "acknowledge", and changes nothing of what they saw.
    """
    realtime.push_on_commit("live", {"type": "media", "agency": alert.agency.code, "alert": str(alert.pk)})


def event(alert: Alert, verb: str, at: datetime, person: Any = None, code: str = "") -> None:
    """Add one line to the alert's timeline."""
    AlertEvent.objects.create(alert=alert, at=at, verb=verb, person=person, code=code)


def push_hand_off(row: HandOff) -> None:
    """Tell every board of the agency that a hand-off is somewhere else now, after commit; it asks where."""
    alert = row.alert
    realtime.push_on_commit(
        "live", {"type": "hand-off", "agency": alert.agency.code, "alert": str(alert.pk), "state": row.state}
    )
