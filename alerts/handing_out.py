"""What of a list a trailer gets: the categories of its deployment, whole or as the difference (H2, H8).

Six values an entry: no reference, no action, no name, no reason. ``docs/hotlists.md`` has the canonical form
that the signature covers.
"""

import hashlib
import json
import threading
import weakref
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from channels.db import database_sync_to_async
from django.db import connection, transaction
from django.utils.translation import gettext as _

import audit
from alerts.hotlists import handed_out
from alerts.importing.table import MOMENT_SQL
from alerts.models import Hotlist, HotlistServed, HotlistVersion
from csoc.lib import canonical, clock
from csoc.lib.errors import Refused, nothing_here
from deployments.selectors import active_deployment
from trailers import consolekey
from trailers.models import Trailer

SCHEMA = "csrp.hotlist/1"
#: A difference longer than this is sent as the whole list: it is held in memory at once.
MAX_DELTA = 50_000
#: What was removed longer ago may be deleted already (H8), so nothing older can be told as a difference.
DELTA_WITHIN = timedelta(hours=46)
PAGE = 5000

_LINE = f"""'{{"op":"add","e":"' || entry_id || '","k":"' || plate || '","j":"' || jurisdiction ||
'","c":"' || category || '","p":' || coalesce(priority::text, 'null') || ',"to":"' ||
{MOMENT_SQL} || '"}}' || chr(10)"""
_WHOLE = f"""
SELECT string_agg(line, '' ORDER BY entry_id), max(entry_id) FROM (
    SELECT {_LINE} AS line, entry_id FROM alerts_hotlistentry
    WHERE hotlist_id = %(hotlist)s AND removed_in IS NULL AND added_in <= %(to)s
      AND category = ANY(%(categories)s) AND entry_id > %(after)s
    ORDER BY entry_id LIMIT %(page)s) one
"""
_ADDS = f"""
SELECT {_LINE} FROM alerts_hotlistentry
WHERE hotlist_id = %(hotlist)s AND touched_in > %(since)s AND removed_in IS NULL
  AND category = ANY(%(categories)s) ORDER BY entry_id LIMIT %(most)s
"""
_DELS = """
SELECT '{"op":"del","e":"' || entry_id || '"}' || chr(10) FROM alerts_hotlistentry
WHERE hotlist_id = %(hotlist)s AND touched_in > %(since)s AND removed_in > %(since)s
  AND added_in <= %(since)s AND category = ANY(%(categories)s) ORDER BY entry_id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Cut:
    """A version as one trailer may have it; ``sha256`` and ``sig`` are over its canonical state."""

    hotlist: Hotlist
    version: HotlistVersion
    categories: list[str]
    sha256: str
    sig: str

    @property
    def etag(self) -> str:
        """The validator: another version or another cut is another one."""
        return f'"{self.hotlist.list_id}.{self.version.version}.{self.sha256[:32]}"'

    @property
    def entries(self) -> int:
        """How many entries it has."""
        return sum(self.version.digests.get(name, {}).get("entries", 0) for name in self.categories)


@dataclass(frozen=True, slots=True)
class Handed:
    """One answer: its first line, and the lines of a difference; None: the whole list follows in pages."""

    cut: Cut
    head: dict[str, Any]
    lines: list[str] | None


def state_of(version: HotlistVersion, list_id: str, categories: list[str]) -> dict[str, Any]:
    """Return the canonical full state of these categories, before it is RFC 8785 bytes."""
    known = version.digests
    return {
        "schema": SCHEMA, "list_id": list_id, "version": version.version,
        "issued_at": clock.wire(version.issued_at), "valid_to": clock.wire(version.valid_to),
        "categories": {name: known[name] for name in categories if name in known},
    }  # fmt: skip


def cut_for(trailer: Trailer, list_id: str, now: datetime) -> Cut:
    """Return what this trailer may have now. Errors: Refused ``not-deployed`` (403), ``not-found`` (404)."""
    deployment = active_deployment(trailer, now)
    if deployment is None:
        raise Refused("not-deployed", _("Without an active deployment a trailer gets no list."), 403)
    categories = sorted(deployment.hotlist_categories) if "alpr" in deployment.modules else []
    hotlist = handed_out(trailer.agency_id, list_id)
    version = hotlist.versions.filter(version=hotlist.version).first() if hotlist is not None else None
    if hotlist is None or version is None:
        raise nothing_here()
    raw = canonical.dumps(state_of(version, hotlist.list_id, categories))
    return Cut(hotlist, version, categories, hashlib.sha256(raw).hexdigest(), consolekey.sign(raw))


class Download:
    """A trailer's one place for a download, until ``end``; an answer that is dropped unread leaves it too."""

    #: By trailer, in this process: a trailer that asks another one may have one there as well.
    _under_way: "weakref.WeakValueDictionary[int, Download]" = weakref.WeakValueDictionary()
    _lock = threading.Lock()

    def __init__(self, trailer: Trailer) -> None:
        """Take the place. Errors: Refused ``slow-down`` (429) while the trailer's last one is under way.

        A reader that went without a word is noticed within a minute (csoc/slow_readers.py).
        """
        self._trailer = trailer.pk
        with self._lock:
            if self._under_way.setdefault(trailer.pk, self) is not self:
                raise Refused("slow-down", _("One download of a list at a time. Try again in a moment."), 429)

    def end(self) -> None:
        """Give the place back. Idempotent."""
        with self._lock:
            if self._under_way.get(self._trailer) is self:
                del self._under_way[self._trailer]


def hand_out(trailer: Trailer, cut: Cut, since: int | None, now: datetime) -> Handed:
    """Return the difference from ``since``, or the whole list where there is none to be had.

    The entry commits here, before the first line leaves (H13). Errors: LogDown.
    """
    alike = _cut_alike(trailer, cut, since)
    lines = _difference(cut, since) if since is not None and alike and _recent(cut, since, now) else None
    if lines is None:
        handed = Handed(cut, _head(cut, None, cut.entries, 0), None)
    else:
        adds, dels = lines
        handed = Handed(cut, _head(cut, since, len(adds), len(dels)), dels + adds)
    told = audit.Ref("hotlist", cut.hotlist.list_id, trailer.agency.code)
    n = handed.head["adds"] + handed.head["dels"]
    audit.commit("hotlist.download", told, outcome=audit.Outcome("allowed", n=n))
    return handed


def _head(cut: Cut, since: int | None, adds: int, dels: int) -> dict[str, Any]:
    version = cut.version
    return {
        "list_id": cut.hotlist.list_id, "from": since, "to": version.version,
        "issued_at": clock.wire(version.issued_at), "valid_to": clock.wire(version.valid_to),
        "adds": adds, "dels": dels, "sha256_full": cut.sha256, "kid": consolekey.KID, "sig": cut.sig,
    }  # fmt: skip


@transaction.atomic
def _cut_alike(trailer: Trailer, cut: Cut, since: int | None) -> bool:
    """Whether the trailer's copy of version ``since`` has these categories; remembers what it gets now."""
    known = HotlistServed.objects.select_for_update().filter(trailer=trailer).first()
    if known and known.hotlist_id == cut.hotlist.pk and known.categories == cut.categories:
        return since is not None and since >= known.since_version
    HotlistServed.objects.update_or_create(
        trailer=trailer,
        defaults={
            "hotlist": cut.hotlist, "categories": cut.categories, "since_version": cut.version.version,
        },
    )  # fmt: skip
    return False


def _recent(cut: Cut, since: int, now: datetime) -> bool:
    """Whether ``since`` is a version, and nothing that went after it can be deleted already."""
    if since == cut.version.version:
        return True
    versions = cut.hotlist.versions
    if since > cut.version.version or not versions.filter(version=since).exists():
        return False
    following = versions.filter(version__gt=since).order_by("version").first()
    return following is not None and now - following.imported_at < DELTA_WITHIN


def _difference(cut: Cut, since: int) -> tuple[list[str], list[str]] | None:
    values: dict[str, Any] = {
        "hotlist": cut.hotlist.pk, "since": since, "categories": cut.categories, "most": MAX_DELTA + 1,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ADDS, values)
        adds = [row[0] for row in cursor.fetchall()]
        cursor.execute(_DELS, values)
        dels = [row[0] for row in cursor.fetchall()]
    return (adds, dels) if len(adds) + len(dels) <= MAX_DELTA else None


def start(
    trailer: Trailer, cut: Cut, since: int | None, now: datetime, *, packed: bool
) -> AsyncIterator[bytes]:
    """Hand out in the trailer's one place for a download, which ends with the answer. Errors: as ``Download``
    and ``hand_out``.
    """
    download = Download(trailer)
    try:
        handed = hand_out(trailer, cut, since, now)
    except BaseException:
        download.end()
        raise
    return streamed(handed, download, packed=packed)


async def streamed(handed: Handed, download: Download | None = None, *, packed: bool) -> AsyncIterator[bytes]:
    """Yield the answer piece by piece, and end its ``download``; no thread is held between two pages.

    The server asks for the next piece when the reader has taken what was made (csoc/slow_readers.py). A
    version that is published meanwhile makes the digest differ, and the trailer asks again.
    """
    squeeze = zlib.compressobj(3, wbits=31) if packed else None
    try:
        async for piece in _pieces(handed):
            yield squeeze.compress(piece) if squeeze else piece
        if squeeze:
            yield squeeze.flush()
    finally:
        if download is not None:
            download.end()


async def _pieces(handed: Handed) -> AsyncIterator[bytes]:
    yield json.dumps(handed.head, separators=(",", ":")).encode() + b"\n"
    if handed.lines is not None:
        yield "".join(handed.lines).encode()
        return
    after = ""
    read = database_sync_to_async(_page, thread_sensitive=False)
    while True:
        text, last = await read(handed.cut, after)
        if text is None:
            return
        yield text.encode()
        after = last


def _page(cut: Cut, after: str) -> tuple[str | None, str]:
    values: dict[str, Any] = {
        "hotlist": cut.hotlist.pk, "to": cut.version.version, "categories": cut.categories, "after": after,
        "page": PAGE,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_WHOLE, values)
        text, last = cursor.fetchone()
    return text, last
