"""Device keys by keyid, remembered for a second: a signature check should not wait for the database.

A revocation is therefore seen by every process within 1 s, and at once by the one that made it.
"""

from __future__ import annotations

import time

from django.db import connection

from .models import TrailerKey

STALE_S = 1.0
_MOST = 4096
_kept: dict[tuple[str, str], tuple[float, TrailerKey]] = {}
_names: dict[str, tuple[float, frozenset[str]]] = {}


def find(keyid: str) -> TrailerKey | None:
    """Return the key with its trailer, agency and unit, at most 1 s old; None when there is none.

    Invented keyids cost one query a second however many they are, and push no real key out.
    """
    # The database's name is part of the place: one test process visits several databases.
    database = str(connection.settings_dict["NAME"])
    at = time.monotonic()
    kept = _kept.get((database, keyid))
    if kept is not None and at - kept[0] < STALE_S:
        return kept[1]
    known = _names.get(database)
    if known is not None and at - known[0] < STALE_S and keyid not in known[1]:
        return None
    key = (
        TrailerKey.objects.select_related("trailer", "trailer__agency", "trailer__unit")
        .filter(keyid=keyid)
        .first()
    )
    if key is None:
        _names[database] = (at, frozenset(TrailerKey.objects.values_list("keyid", flat=True)))
        return None
    if len(_kept) >= _MOST:
        _kept.clear()
    _kept[(database, keyid)] = (at, key)
    return key


def forget() -> None:
    """Drop what is remembered: after a key changed."""
    _kept.clear()
    _names.clear()
