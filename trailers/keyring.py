"""Device keys by keyid, remembered for a second: a signature check should not wait for the database.

A revocation is therefore seen by every process within 1 s, and at once by the one that made it.
"""

from __future__ import annotations

import time

from django.db import connection

from .models import TrailerKey

STALE_S = 1.0
_MOST = 4096
_kept: dict[tuple[str, str], tuple[float, TrailerKey | None]] = {}


def find(keyid: str) -> TrailerKey | None:
    """Return the key with its trailer, agency and unit, at most 1 s old; None when there is none."""
    # The database's name is part of the place: one test process visits several databases.
    place = (str(connection.settings_dict["NAME"]), keyid)
    kept = _kept.get(place)
    at = time.monotonic()
    if kept is not None and at - kept[0] < STALE_S:
        return kept[1]
    key = (
        TrailerKey.objects.select_related("trailer", "trailer__agency", "trailer__unit")
        .filter(keyid=keyid)
        .first()
    )
    if len(_kept) >= _MOST:
        # Invented keyids must not fill the memory; real ones come back with one query each.
        _kept.clear()
    _kept[place] = (at, key)
    return key


def forget() -> None:
    """Drop what is remembered: after a key changed."""
    _kept.clear()
