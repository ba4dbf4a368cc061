"""Publishing a version: what every way in shares, inside the transaction of the service that records it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.models import Person, User
from alerts import policies
from alerts.hotlists import handed_out
from alerts.importing import manifest, table
from alerts.importing.manifest import Manifest, broken
from alerts.models import Hotlist, HotlistVersion
from csoc.lib.errors import Refused
from trailers.services import announce_hotlist


@dataclass(frozen=True, slots=True)
class Published:
    """What came of a file: a version, or figures that a second person has to look at."""

    version: HotlistVersion | None
    before: int
    after: int


def publish(
    *,
    told: Manifest,
    source: Iterable[bytes],
    importer: Person,
    now: datetime,
    actor: User,
    approver: Person | None = None,
    seen_before: int | None = None,
) -> Published:
    """Check the file and make it the list's current version, all rows or none.

    importer: who brought it; approver: the second person, who saw that ``seen_before`` entries stood.
    Errors: Refused 409, 413, 422; nothing of the file stays then.
    """
    manifest.in_time(told, now)
    _rises(Hotlist.objects.filter(list_id=told.list_id).first(), told, importer)
    table.wait_for_it()
    table.stage(told, source)
    hotlist = _held(told, importer)
    _rises(hotlist, told, importer)
    before = table.current_count(hotlist)
    if approver is not None and before != seen_before:
        raise Refused(
            "figures-changed",
            _("The list has changed since these figures were shown. Look at them again."), 409, before=before,
        )  # fmt: skip
    if approver is None and policies.needs_second(before, told.rows):
        return Published(None, before, told.rows)
    return Published(_swapped(hotlist, told, importer, approver, before, now, actor), before, told.rows)


def _rises(hotlist: Hotlist | None, told: Manifest, importer: Person) -> None:
    """Errors: Refused ``list-taken``, ``version-not-risen`` (409)."""
    if hotlist is None:
        return
    if hotlist.agency_id != importer.agency_id:
        raise broken("list-taken", _("Another agency keeps a list of this name here."), 409)
    if told.version <= hotlist.version:
        sentence = _("Version %(told)d does not rise above %(now)d, which is in force.")
        values = {"told": told.version, "now": hotlist.version}
        raise broken("version-not-risen", sentence % values, 409, version=hotlist.version)


def _held(told: Manifest, importer: Person) -> Hotlist:
    """Return the list's row, locked; made if this is its first version."""
    new = Hotlist(agency_id=importer.agency_id, list_id=told.list_id)
    Hotlist.objects.bulk_create([new], ignore_conflicts=True)
    return Hotlist.objects.select_for_update().get(list_id=told.list_id)


def _swapped(
    hotlist: Hotlist,
    told: Manifest,
    importer: Person,
    approver: Person | None,
    before: int,
    now: datetime,
    actor: User,
) -> HotlistVersion:
    known = HotlistVersion.objects.filter(hotlist=hotlist, version=hotlist.version).first()
    changed = table.swap(hotlist, told, before, now)
    digests = table.digests(hotlist, told.version, known.digests if known and before else {})
    hotlist.version, hotlist.issued_at, hotlist.valid_to = told.version, told.issued_at, told.valid_to
    hotlist.imported_at = now
    hotlist.save()
    version = HotlistVersion.objects.create(
        hotlist=hotlist, version=told.version, issued_at=told.issued_at, valid_to=told.valid_to,
        authority=told.authority, sha256=told.sha256, rows=told.rows, before=before, adds=changed.adds,
        changes=changed.changes, dels=changed.dels, digests=digests, imported_by=importer, imported_at=now,
        approved_by=approver,
    )  # fmt: skip
    # Versions of a second list say nothing about the one that the trailers hold.
    if hotlist == handed_out(hotlist.agency_id):
        announce_hotlist(agency_id=hotlist.agency_id, min_version=told.version, actor=actor)
    return version
