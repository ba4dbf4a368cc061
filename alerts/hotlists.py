"""The lists, and whether a read stands on one (H8).

Found by the entry that the hit names, never by a plate: the console has no search for one. Two plates
are the same, look the same, or have nothing to do with each other (alerts.plates).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from alerts.models import Hotlist
from alerts.plates import fold, plate_key
from alerts.schemas import AlprHit, HotlistReference
from csoc.lib.errors import Refused
from csoc.postgres.prepared import row_of

#: How the name of a list is written.
LIST_ID = re.compile(r"[a-z0-9][a-z0-9-]{1,31}\Z")
#: A list older than this stops ALPR alerts; the board warns before that (frontend/board/banner.ts).
MAX_AGE = timedelta(hours=48)
HOT_CATEGORIES = frozenset(
    {"amber_alert", "wanted_vehicle", "firearm_investigation", "extortion_investigation"}
)


#: The list by its name, whether the version named was ever in force (numbers may be passed over), and its
#: entry. One statement, in the order of ``_Named`` and ``Listed``: intake asks it for each hit.
_NAMED = """
SELECT h.issued_at, h.valid_to,
    h.version = %(version)s::bigint OR EXISTS (
        SELECT FROM alerts_hotlistversion v WHERE v.hotlist_id = h.id AND v.version = %(version)s::bigint
    ) AS published,
    e.plate, e.jurisdiction, e.category, e.added_in, e.valid_to
FROM alerts_hotlist h
LEFT JOIN alerts_hotlistentry e
    ON e.hotlist_id = h.id AND e.entry_id = %(entry_id)s::text COLLATE "C" AND e.removed_in IS NULL
WHERE h.list_id = %(list_id)s::text AND h.agency_id = %(agency)s::bigint
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A current entry."""

    plate: str
    jurisdiction: str
    category: str
    added_in: int
    valid_to: datetime


class _Named(NamedTuple):
    """The list that a hit names. ``published``: so was the version it names; ``entry``: its entry, if any."""

    issued_at: datetime | None
    valid_to: datetime | None
    published: bool
    entry: Listed | None


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that a read stands on; ``exact`` False means lookalike."""

    entry: Listed
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
    version, named = read.hotlist.version, _named(read.hotlist, agency_id)
    if named is None:
        raise _not_on_hotlist()
    if (
        named.issued_at is None
        or at - named.issued_at > MAX_AGE
        or (named.valid_to is not None and at >= named.valid_to)
        or not named.published
    ):
        raise _stale()
    entry = named.entry
    if (
        entry is None
        or entry.valid_to <= at
        or entry.added_in > version
        or entry.category not in set(categories)
    ):
        raise _not_on_hotlist()
    return _compare(read, entry)


def _named(reference: HotlistReference, agency_id: int) -> _Named | None:
    """Look the list and the entry up; None for a list that the agency does not have."""
    row = row_of(_NAMED, msgspec.structs.asdict(reference) | {"agency": agency_id})
    if row is None:
        return None
    issued_at, valid_to, published, *entry = row
    # Every entry has a plate: without one the join found no entry.
    return _Named(issued_at, valid_to, published, Listed(*entry) if entry[0] is not None else None)


def _compare(read: AlprHit, entry: Listed) -> Hit:
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
