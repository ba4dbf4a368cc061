"""Files that come in pieces, each sealed under the key of its hour until they are checked, or die.

A piece holds plates, so it is never in the clear: not in this table, not in a temporary file. The rows go
with the decision, or after 24 h; the key of their hour is destroyed after 47 h whatever else happens.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

import vault
from accounts.models import User
from alerts.importing.manifest import Manifest, broken
from alerts.importing.rows import MAX_FILE_BYTES
from alerts.models import HotlistChunk, HotlistUpload
from csoc.lib.errors import Refused, nothing_here

#: One piece: every route takes that much (csoc/server.py), so that no long body needs a way around it.
CHUNK_BYTES = 120_000
KEPT_FOR = timedelta(hours=24)
#: Why an upload ended that another way of bringing the version in was faster than.
OVERTAKEN = "version-not-risen"
#: Uploads that one person may have open: each takes room until it is over.
MAX_OPEN = 3


def open_upload(actor: User, told: Manifest, now: datetime) -> HotlistUpload:
    """Make the row that pieces belong to. Errors: Refused ``uploads-open`` (409)."""
    mine = HotlistUpload.objects.filter(started_by=actor.person, state=HotlistUpload.State.RECEIVING)
    if mine.filter(expires_at__gt=now).count() >= MAX_OPEN:
        raise Refused(
            "uploads-open",
            _("Three of your uploads are not finished. Finish or discard one of them first."), 409,
        )  # fmt: skip
    return HotlistUpload.objects.create(
        agency=actor.person.agency, list_id=told.list_id, version=told.version, issued_at=told.issued_at,
        valid_to=told.valid_to, authority=told.authority, rows=told.rows, sha256=told.sha256,
        started_by=actor.person, started_at=now, expires_at=now + KEPT_FOR,
    )  # fmt: skip


def manifest_of(upload: HotlistUpload) -> Manifest:
    """Return the manifest the upload began with."""
    return Manifest(
        list_id=upload.list_id, version=upload.version, issued_at=upload.issued_at,
        valid_to=upload.valid_to, authority=upload.authority, rows=upload.rows, sha256=upload.sha256,
    )  # fmt: skip


def get(agency_id: int, upload_id: UUID) -> HotlistUpload:
    """Return one of the agency's uploads. Errors: Refused 404 for anybody else's."""
    found = HotlistUpload.objects.select_related("agency", "started_by", "decided_by")
    upload = found.filter(pk=upload_id, agency_id=agency_id).first()
    if upload is None:
        raise nothing_here()
    return upload


def locked(upload: HotlistUpload) -> HotlistUpload:
    """Return it locked, as it is now. Errors: Refused ``upload-busy`` (409) while somebody works on it."""
    found = HotlistUpload.objects.select_related("agency", "started_by")
    held = found.select_for_update(of=("self",), skip_locked=True).filter(pk=upload.pk).first()
    if held is None:
        raise Refused("upload-busy", _("This file is being checked at this moment."), 409)
    return held


@transaction.atomic
def add_chunk(upload: HotlistUpload, number: int, raw: bytes, now: datetime) -> HotlistUpload:
    """Keep piece ``number`` (from 0) sealed. The same bytes again are taken; pieces come in order.

    Errors: Refused ``upload-over`` (409), ``chunk-order`` (409, ``next``), ``chunk-differs`` (409),
    ``too-large`` (413).
    """
    upload = locked(upload)
    require_receiving(upload, now)
    if not raw or len(raw) > CHUNK_BYTES or upload.bytes + len(raw) > MAX_FILE_BYTES:
        sentence = _("A piece has 1 to %(bytes)d bytes.") % {"bytes": CHUNK_BYTES}
        raise Refused("too-large", sentence, 413)
    if number < upload.chunks:
        if _piece(upload, number) != raw:
            raise Refused("chunk-differs", _("Another piece was sent under this number."), 409)
        return upload
    if number > upload.chunks:
        raise Refused("chunk-order", _("An earlier piece is missing."), 409, next=upload.chunks)
    _keep(upload, number, raw, now)
    upload.chunks, upload.bytes = number + 1, upload.bytes + len(raw)
    upload.save(update_fields=["chunks", "bytes"])
    return upload


def keep_all(upload: HotlistUpload, source: Iterable[bytes], now: datetime) -> None:
    """Keep a whole file that is there already."""
    for raw in source:
        for at in range(0, len(raw), CHUNK_BYTES):
            piece = raw[at : at + CHUNK_BYTES]
            _keep(upload, upload.chunks, piece, now)
            upload.chunks, upload.bytes = upload.chunks + 1, upload.bytes + len(piece)


def pieces(upload: HotlistUpload) -> Iterator[bytes]:
    """Yield the file, one piece in memory at a time. Errors: Refused ``upload-gone`` (409)."""
    for number in range(upload.chunks):
        yield _piece(upload, number)


def require_receiving(upload: HotlistUpload, now: datetime) -> None:
    """Errors: Refused ``version-not-risen``, ``upload-over`` (409) unless pieces may still come."""
    if upload.code == OVERTAKEN:
        raise broken(OVERTAKEN, _("This version of the list, or a later one, is in force already."), 409)
    if upload.state != HotlistUpload.State.RECEIVING or upload.expires_at <= now:
        raise Refused("upload-over", _("This upload is over. Begin again."), 409)


def forget_pieces(upload_ids: list[UUID]) -> int:
    """Delete the pieces of these uploads; returns how many."""
    # One statement: the ORM would fetch what it deletes.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM alerts_hotlistchunk WHERE upload_id = ANY(%s)", [upload_ids])
        return int(cursor.rowcount)


def _aad(upload: HotlistUpload, number: int) -> bytes:
    return f"hotlist-piece:{upload.pk}:{number}".encode()


def _keep(upload: HotlistUpload, number: int, raw: bytes, now: datetime) -> None:
    try:
        epoch, sealed = vault.seal(raw, now, _aad(upload, number))
    except vault.EpochGone:
        raise _gone() from None
    HotlistChunk.objects.create(upload=upload, number=number, epoch=epoch, sealed=sealed)


def _piece(upload: HotlistUpload, number: int) -> bytes:
    kept = HotlistChunk.objects.filter(upload=upload, number=number).first()
    if kept is None:
        raise _gone()
    try:
        return vault.open(kept.epoch, bytes(kept.sealed), _aad(upload, number))
    except vault.Gone:
        raise _gone() from None


def _gone() -> Refused:
    return broken("upload-gone", _("The file is not kept any more. Upload it again."), 409)


def wire(upload: HotlistUpload) -> dict[str, Any]:
    """Return how far an upload is: no row of it, and nothing of its rows."""
    return {
        "upload": str(upload.pk), "state": upload.state, "next": upload.chunks, "bytes": upload.bytes,
        "chunk_bytes": CHUNK_BYTES, "before": upload.before, "after": upload.rows,
    }  # fmt: skip
