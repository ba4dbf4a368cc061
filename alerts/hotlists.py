"""The lists, and whether a read stands on one (H8).

Found by the entry that the hit names, never by a plate: the console has no search for one. Two plates
are the same, look the same, or have nothing to do with each other (alerts.plates).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.models import Hotlist
from alerts.plates import fold, plate_key
from alerts.schemas import AlprHit
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
#: entry. One statement: intake asks it for each hit.
_NAMED = """
SELECT h.version, h.issued_at, h.valid_to,
    h.version = %(version)s::bigint OR EXISTS (
        SELECT FROM alerts_hotlistversion v WHERE v.hotlist_id = h.id AND v.version = %(version)s::bigint
    ),
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
    named = read.hotlist
    found = row_of(
        _NAMED,
        {
            "list_id": named.list_id, "agency": agency_id, "version": named.version,
            "entry_id": named.entry_id,
        },
    )  # fmt: skip
    if found is None:
        raise _not_on_hotlist()
    version, issued_at, list_valid_to, published, *columns = found
    if (
        named.version > version
        or issued_at is None
        or at - issued_at > MAX_AGE
        or (list_valid_to is not None and at >= list_valid_to)
        or not published
    ):
        raise _stale()
    if columns[0] is None:
        raise _not_on_hotlist()
    entry = Listed(*columns)
    if entry.valid_to <= at or entry.added_in > named.version or entry.category not in set(categories):
        raise _not_on_hotlist()
    return _compare(read, entry)


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
