"""Publishing a hotlist."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

import audit
from accounts.models import User
from alerts.models import Hotlist, HotlistEntry
from alerts.plates import fold, plate_key
from csoc.lib import clock
from csoc.lib.errors import Refused
from trailers.services import announce_hotlist


@transaction.atomic
def publish_hotlist(
    *, actor: User | audit.Actor, agency: Any, list_id: str, issued_at: datetime, rows: list[dict[str, Any]]
) -> Hotlist:
    """Publish the next version of a list: all rows or none. A row missing from ``rows`` is removed.

    rows: ``plate, jurisdiction, category, entry_id, valid_to``. Errors: Refused ``bad-list`` (422).
    """
    hotlist, _made = Hotlist.objects.select_for_update().get_or_create(
        list_id=list_id, defaults={"agency": agency}
    )
    now = clock.now()
    hotlist.version += 1
    hotlist.issued_at, hotlist.imported_at = issued_at, now
    hotlist.save()
    wanted = _entries(hotlist, rows)
    current = {entry.entry_id: entry for entry in hotlist.entries.filter(removed_in__isnull=True)}
    gone = {old.pk for entry_id, old in current.items() if not _same(old, wanted.get(entry_id))}
    HotlistEntry.objects.filter(pk__in=gone).update(removed_in=hotlist.version, removed_at=now)
    standing = {entry_id: old for entry_id, old in current.items() if old.pk not in gone}
    for entry_id, old in standing.items():
        old.valid_to = wanted[entry_id].valid_to
    HotlistEntry.objects.bulk_update(standing.values(), ["valid_to"], batch_size=1000)
    HotlistEntry.objects.bulk_create(new for key, new in wanted.items() if key not in standing)
    announce_hotlist(min_version=hotlist.version, actor=actor)
    audit.record("hotlist.import", audit.Ref("hotlist", list_id, hotlist.agency.code))
    return hotlist


def _entries(hotlist: Hotlist, rows: list[dict[str, Any]]) -> dict[str, HotlistEntry]:
    entries = {row["entry_id"]: _entry(hotlist, row) for row in rows}
    if len(entries) != len(rows):
        raise Refused("bad-list", _("An entry stands twice in the list."), 422)
    return entries


def _same(old: HotlistEntry, new: HotlistEntry | None) -> bool:
    """An entry that names another plate is another entry: a hit on the old one may not ring for the new."""
    names = ("plate", "jurisdiction", "category")
    return new is not None and all(getattr(old, name) == getattr(new, name) for name in names)


def _entry(hotlist: Hotlist, row: dict[str, Any]) -> HotlistEntry:
    key = plate_key(row["plate"])
    if key is None:
        raise Refused("bad-list", _("A row of the list holds no plate."), 422)
    return HotlistEntry(
        hotlist=hotlist, entry_id=row["entry_id"], plate=key, folded=fold(key),
        jurisdiction=row["jurisdiction"], category=row["category"], valid_to=row["valid_to"],
        added_in=hotlist.version,
    )  # fmt: skip
