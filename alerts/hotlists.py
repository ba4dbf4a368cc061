"""The lists, and whether a read stands on one (H8).

Found by the entry that the hit names, never by a plate: the console has no search for one. Two plates
are the same, look the same, or have nothing to do with each other (alerts.plates).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.models import Hotlist, HotlistEntry
from alerts.plates import fold, plate_key
from alerts.schemas import AlprHit
from csoc.lib.errors import Refused

#: How the name of a list is written.
LIST_ID = re.compile(r"[a-z0-9][a-z0-9-]{1,31}\Z")
#: A list older than this stops ALPR alerts; the board warns before that (frontend/board/banner.ts).
MAX_AGE = timedelta(hours=48)
HOT_CATEGORIES = frozenset(
    {"amber_alert", "wanted_vehicle", "firearm_investigation", "extortion_investigation"}
)


@dataclass(frozen=True)
class Hit:
    """An entry that a read stands on; ``exact`` False means lookalike."""

    entry: HotlistEntry
    exact: bool


def _not_on_hotlist() -> Refused:
    return Refused("not-on-hotlist", "The plate does not stand on the list it names. Nothing was kept.", 409)


def _stale() -> Refused:
    return Refused("hotlist-version-stale", "The hotlist is too old or not ours. Fetch the list again.", 409)


def handed_out(agency_id: int, list_id: str = "") -> Hotlist | None:
    """Return the list that an agency's trailers fetch: the one they name, else the agency's first."""
    if list_id and not LIST_ID.match(list_id):
        # No list has such a name, and the database does not take every text as a question.
        return None
    known = Hotlist.objects.filter(agency_id=agency_id, version__gt=0).order_by("pk")
    return (known.filter(list_id=list_id) if list_id else known).first()


def match(read: AlprHit, *, categories: Iterable[str], agency_id: int, at: datetime) -> Hit:
    """Judge a read against the entry it names, on the version it names and on the current one.

    categories: the ones authorised for the deployment; an entry of another one is no hit here.
    Errors: Refused ``hotlist-version-stale`` (also for a version that was never published here),
    ``not-on-hotlist`` (409).
    """
    hotlist = Hotlist.objects.filter(list_id=read.hotlist.list_id, agency_id=agency_id).first()
    if hotlist is None:
        raise _not_on_hotlist()
    if (
        read.hotlist.version > hotlist.version
        or hotlist.issued_at is None
        or at - hotlist.issued_at > MAX_AGE
        or (hotlist.valid_to is not None and at >= hotlist.valid_to)
        or not _was_published(hotlist, read.hotlist.version)
    ):
        raise _stale()
    entry = (
        HotlistEntry.objects.filter(
            hotlist=hotlist, entry_id=read.hotlist.entry_id, removed_in__isnull=True, valid_to__gt=at
        )
        .select_related("hotlist")
        .first()
    )
    if entry is None or not entry.stands_on(read.hotlist.version) or entry.category not in set(categories):
        raise _not_on_hotlist()
    return _compare(read, entry)


def _was_published(hotlist: Hotlist, version: int) -> bool:
    """Whether the console published that version (H8): numbers may be passed over. The current one was."""
    return version == hotlist.version or hotlist.versions.filter(version=version).exists()


def _compare(read: AlprHit, entry: HotlistEntry) -> Hit:
    key = plate_key(read.plate) or ""
    known = "unknown" not in (read.jurisdiction, entry.jurisdiction)
    if known and read.jurisdiction != entry.jurisdiction:
        raise _not_on_hotlist()
    if key == entry.plate and known:
        return Hit(entry, exact=read.match == "exact")
    if fold(key) == fold(entry.plate):
        return Hit(entry, exact=False)
    raise _not_on_hotlist()


def priority(hit: Hit) -> int:
    """2 for an exact hit of a hot category, else 3."""
    return 2 if hit.exact and hit.entry.category in HOT_CATEGORIES else 3
