"""The figures beside a quiet board: what was checked, and when."""

from datetime import datetime
from typing import Any

import audit.selectors
import vault.selectors
from accounts.models import User
from alerts import selectors
from csoc.lib import clock
from trailers.selectors import trailer_wire, trailers_visible_to


def board_status(user: User) -> dict[str, Any]:
    """Return the day's figures, sources and the console's own health for ``user``'s agency."""
    now = clock.now()
    since = selectors.day_start(now)
    sealed = audit.selectors.sealed_status()
    return {
        "at": clock.wire(now),
        "day_start": clock.wire(since),
        **selectors.today(user, since),
        **views_since(user, since),
        "trailers": _trailers(user),
        "hotlists": selectors.hotlist_ages(user, now),
        "purge": vault.selectors.last_purge(),
        "audit": {"sealed_at": sealed["sealed_at"], "waiting": sealed["waiting"]},
    }


def views_since(user: User, since: datetime) -> dict[str, Any]:
    """Live views opened and their minutes, from the alerts' own timeline (live is above this app)."""
    from alerts.models import AlertEvent

    events = AlertEvent.objects.filter(
        alert__agency_id=user.person.agency_id, at__gte=since, verb__in=("video.live.open", "video.live.close")
    ).order_by("at")
    opened: dict[str, datetime] = {}
    count, seconds = 0, 0.0
    for event in events:
        if event.verb == "video.live.open":
            opened[event.code] = event.at
            count += 1
        elif event.code in opened:
            seconds += (event.at - opened.pop(event.code)).total_seconds()
    return {"views": count, "view_min": round(seconds / 60)}


def _trailers(user: User) -> dict[str, int]:
    """How many trailers are deployed, and how many of them reported lately."""
    wires = [trailer_wire(trailer) for trailer in trailers_visible_to(user)]
    deployed = [wire for wire in wires if wire["deployment"]]
    return {"deployed": len(deployed), "reporting": sum(wire["state"] in ("active", "fault") for wire in deployed)}
