"""The figures beside a quiet board: what was checked, and when."""

from typing import Any

import audit.selectors
import vault.selectors
from accounts.models import User
from accounts.selectors import glass_of_agency, glass_wire
from alerts import selectors
from alerts.handoff.selectors import cad_status
from csoc.lib import clock
from trailers.policies import sees_fleet
from trailers.selectors import trailer_wire, trailers_visible_to, trailers_warned


def board_status(user: User) -> dict[str, Any]:
    """Return the day's figures, sources and the console's own health for ``user``'s agency."""
    now = clock.now()
    since = selectors.day_start(now)
    sealed = audit.selectors.sealed_status()
    return {
        "at": clock.wire(now),
        "day_start": clock.wire(since),
        **selectors.today(user, since),
        "trailers": _trailers(user),
        "hotlists": selectors.hotlist_ages(user, now),
        "purge": vault.selectors.last_purge(),
        "audit": {
            "sealed_at": sealed["sealed_at"],
            "waiting": sealed["waiting"],
            # Alerts that came in while the log refused their entries: the one thing that goes on without it.
            "owed": selectors.owed_entries(user),
        },
        # What the CAD has not taken: the banner says to hand over by radio.
        "cad": cad_status(user),
        # What somebody reads outside their grant at this moment: shown to every board, in red.
        "break_glass": [glass_wire(one) for one in glass_of_agency(user.person.agency_id, now)],
    }


def _trailers(user: User) -> dict[str, int | None]:
    """How many trailers are deployed, how many of them reported lately, and how many have a warning.

    ``warned`` is None for who may not see the fleet.
    """
    wires = [trailer_wire(trailer) for trailer in trailers_visible_to(user)]
    deployed = [wire for wire in wires if wire["deployment"]]
    return {
        "deployed": len(deployed),
        "reporting": sum(wire["state"] in ("active", "fault") for wire in deployed),
        "warned": trailers_warned(user) if sees_fleet(user) else None,
    }
