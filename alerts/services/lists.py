"""Taking in a version of a hotlist: by file, by upload in pieces, and by a second person.

What a crash leaves: before COMMIT nothing but sealed pieces, which die after 24 h; after it the version with
its entry in the log.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

import audit
from accounts.models import Person, User
from alerts import policies
from alerts.importing import manifest, publishing, uploads
from alerts.models import HotlistUpload, HotlistVersion
from csoc.lib import clock
from csoc.lib.errors import Refused

State = HotlistUpload.State


def import_hotlist(
    *, actor: User, manifest_bytes: bytes, source: Callable[[], Iterable[bytes]]
) -> HotlistVersion | HotlistUpload:
    """Publish a version from a file that is here, or keep it sealed until a second person has decided.

    source: opens the file anew, as pieces of at most 1 MB; it is read once, or twice if it waits.
    Returns the HotlistVersion, or the HotlistUpload that waits. Errors: Refused 403, 409, 413, 422.
    """
    policies.may_import(actor)
    now = clock.now()
    told = manifest.read(manifest_bytes, now)
    with transaction.atomic():
        came = publishing.publish(told=told, source=source(), importer=actor.person, now=now, actor=actor)
        if came.version is not None:
            audit.record("hotlist.import", _ref(actor, told), outcome=_rows(came.after))
            _overtake(actor, told, now)
            return came.version
        upload = uploads.open_upload(actor, told, now)
        uploads.keep_all(upload, source(), now)
        _wait(upload, came.before, actor, told)
        return upload


def note_refused_import(*, actor: User, refused: Refused) -> None:
    """Leave the entry of an import that a command refused: no door's guard stands around it (H12)."""
    told = audit.Outcome("denied" if refused.status == 403 else "failed", refused.code)
    audit.commit("hotlist.import", audit.Ref("hotlist", "all", actor.person.agency.code), outcome=told)


@transaction.atomic
def begin_upload(*, actor: User, manifest_bytes: bytes) -> HotlistUpload:
    """Begin an upload in pieces. Errors: Refused 403, ``uploads-open`` (409), ``manifest`` (422)."""
    policies.may_import(actor)
    now = clock.now()
    told = manifest.read(manifest_bytes, now)
    upload = uploads.open_upload(actor, told, now)
    audit.record("hotlist.upload", _ref(actor, told))
    return upload


def finish_upload(*, actor: User, upload_id: UUID) -> HotlistUpload:
    """Check the pieces as one file and publish it, or let it wait for a second person.

    Errors: Refused; one about the file itself has destroyed its pieces.
    """
    policies.may_import(actor)
    upload = policies.own_upload(actor, uploads.get(actor.person.agency_id, upload_id))
    now = clock.now()
    try:
        with transaction.atomic():
            upload = uploads.locked(upload)
            uploads.require_receiving(upload, now)
            told = uploads.manifest_of(upload)
            came = publishing.publish(
                told=told, source=uploads.pieces(upload), importer=actor.person, now=now, actor=actor
            )
            if came.version is None:
                _wait(upload, came.before, actor, told)
                return upload
            _decide(upload, State.PUBLISHED, None, now)
            audit.record("hotlist.import", _ref(actor, told), outcome=_rows(came.after))
            _overtake(actor, told, now)
            return upload
    except Refused as refused:
        _break(upload, refused, now)
        raise


def approve_upload(*, actor: User, upload_id: UUID, before: int) -> HotlistUpload:
    """Publish what waits, as another person who saw that ``before`` entries stand now.

    Errors: Refused ``own-request`` (403), ``not-waiting``, ``figures-changed`` and others (409).
    """
    policies.may_import(actor)
    upload = uploads.get(actor.person.agency_id, upload_id)
    now = clock.now()
    try:
        with transaction.atomic():
            upload = uploads.locked(upload)
            policies.may_decide_upload(actor, upload, now)
            told = uploads.manifest_of(upload)
            publishing.publish(
                told=told, source=uploads.pieces(upload), importer=upload.started_by, now=now, actor=actor,
                approver=actor.person, seen_before=before,
            )  # fmt: skip
            _decide(upload, State.PUBLISHED, actor.person, now)
            audit.record("hotlist.approve", _ref(actor, told), outcome=_rows(told.rows))
            _overtake(actor, told, now)
            return upload
    except Refused as refused:
        _break(upload, refused, now)
        raise


@transaction.atomic
def refuse_upload(*, actor: User, upload_id: UUID, code: str, words: str) -> HotlistUpload:
    """Refuse what waits, with a reason; whoever brought it may take it back so. Its pieces are destroyed.

    code: one of ``policies.REFUSALS``; words: kept as erasable detail of the log alone.
    """
    policies.may_import(actor)
    upload = uploads.locked(uploads.get(actor.person.agency_id, upload_id))
    policies.may_refuse_upload(actor, upload, code, words)
    _decide(upload, State.REFUSED, actor.person, clock.now(), code)
    audit.record(
        "hotlist.refuse", _ref(actor, uploads.manifest_of(upload)), reason=audit.Reason(code),
        detail={"words": words.strip()},
    )  # fmt: skip
    return upload


def end_stale_uploads(*, actor: audit.Actor) -> int:
    """End what nobody finished or decided within 24 h, pieces and all; returns how many."""
    now, ended = clock.now(), 0
    stale = HotlistUpload.objects.filter(state__in=(State.RECEIVING, State.WAITING), expires_at__lte=now)
    for upload in stale.order_by("expires_at")[:50]:
        ended += _lapse(upload, now, actor)
    return ended


@transaction.atomic
def _lapse(upload: HotlistUpload, now: datetime, actor: audit.Actor) -> bool:
    try:
        upload = uploads.locked(upload)
    except Refused:
        return False
    if upload.state not in (State.RECEIVING, State.WAITING):
        return False
    _decide(upload, State.LAPSED, None, now)
    with audit.acting_as(actor):
        ref = audit.Ref("hotlist", upload.list_id, upload.agency.code)
        audit.record("hotlist.lapse", ref, outcome=audit.Outcome("allowed", n=upload.rows))
    return True


def _wait(upload: HotlistUpload, before: int, actor: User, told: manifest.Manifest) -> None:
    upload.state, upload.before = State.WAITING, before
    upload.save()
    audit.record(
        "hotlist.request", _ref(actor, told), outcome=_rows(told.rows),
        old={"entries": before}, new={"entries": told.rows},
    )  # fmt: skip


def _overtake(actor: User, told: manifest.Manifest, now: datetime) -> None:
    """End the uploads that the new version has overtaken: none of them could come in any more.

    The same version begun twice, or brought in by another way meanwhile, else stood there as unfinished or
    waiting for a day. What somebody works on at this moment is left: it waits for the list, which is held
    here, and finds out by itself.
    """
    open_ones = HotlistUpload.objects.filter(
        agency=actor.person.agency, list_id=told.list_id, version__lte=told.version,
        state__in=(State.RECEIVING, State.WAITING),
    )  # fmt: skip
    for upload in open_ones.select_for_update(of=("self",), skip_locked=True):
        _decide(upload, State.BROKEN, None, now, uploads.OVERTAKEN)
        reason, outcome = audit.Reason("overtaken"), _rows(upload.rows)
        audit.record("hotlist.lapse", _ref(actor, told), reason=reason, outcome=outcome)


def _decide(upload: HotlistUpload, state: str, person: Person | None, now: datetime, code: str = "") -> None:
    upload.state, upload.decided_by, upload.decided_at, upload.code = state, person, now, code
    upload.save(update_fields=["state", "decided_by", "decided_at", "code"])
    uploads.forget_pieces([upload.pk])


#: Refusals that say nothing against the file: it stays as it was.
_KEEPS = frozenset({"not-permitted", "own-request", "not-found", "upload-busy", "upload-over", "not-waiting"})


@transaction.atomic
def _break(upload: HotlistUpload, refused: Refused, now: datetime) -> None:
    """After the transaction rolled back: destroy what cannot become a version. Its guard writes the entry."""
    if refused.code in _KEEPS:
        return
    if refused.code == "figures-changed":
        # Since the rollback somebody may have let it through; then nothing of it changes any more.
        still = HotlistUpload.objects.filter(pk=upload.pk, state=State.WAITING)
        still.update(before=refused.extra["before"])
        return
    try:
        upload = uploads.locked(upload)
    except Refused:
        # Somebody else works on it by now and comes to the same; this one is told what was found here.
        return
    if upload.state in (State.RECEIVING, State.WAITING):
        _decide(upload, State.BROKEN, None, now, refused.code[:32])


def _ref(actor: User, told: manifest.Manifest) -> audit.Ref:
    return audit.Ref("hotlist", told.list_id, actor.person.agency.code)


def _rows(count: int) -> audit.Outcome:
    return audit.Outcome("allowed", n=count)
