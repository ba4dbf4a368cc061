"""Builds an approved export: lines, census, details, manifest, its own entry, a witness, tiles, zip.

Three parts. Before the seal everything is read into a private folder; a crash there leaves a folder that
is thrown away. The seal puts the manifest's digest into the log. After it only the checkpoint, the tiles
and the zip are missing, so a crash there goes on from the folder. A build that no witness has signed
waits, however long: without a witness an export proves nothing against its maker.
"""

import errno
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from django.db import DatabaseError, connection

from audit import checkpoints
from audit.checkpoints import Cosignature, Stored
from audit.context import acting_as, system
from audit.exports import folder, packing, policies, reading, selectors, services
from audit.exports.archive import TooLarge
from audit.exports.packing import Damaged
from audit.exports.progress import Progress, Stopped, beating, take_lease
from audit.exports.reading import GiveUp
from audit.models import Entry, ExportRequest
from audit.nodes import NodeMissing
from audit.record import Receipt
from audit.wait import HURRY, NotSealed, wait
from csoc.lib import clock
from csoc.lib.errors import Refused

log = logging.getLogger(__name__)

ACTOR = system("exports")
#: A file is deleted this long after it was built, or earlier when a detail in it is due.
KEPT_FOR = timedelta(days=7)
#: How long one attempt waits for a witness; then the exporter does something else and comes back.
WITNESS_WITHIN_S = 90.0
SEALED_WITHIN_S = 60.0
POLL_S = 0.5
GRANT_POLL_S = 0.02
#: Two clocks may run apart by less than this in a minute.
MARGIN_S = 0.5
#: Attempts that ended in an error nobody foresaw, before the export is given up.
MOST_ATTEMPTS = 5


class Waiting(Exception):
    """Nothing is wrong with the build, but it cannot go on now; ``code`` has a sentence on the page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def build(name: str, *, witness_within_s: float = WITNESS_WITHIN_S) -> ExportRequest | None:
    """Build one approved export as far as it goes; None when it is not to be built now. Idempotent.

    Errors: whatever nobody foresaw, after the lease was given back.
    """
    with acting_as(ACTOR), _patient():
        request = take_lease(name)
        if request is None:
            return None
        progress = Progress(request)
        try:
            with beating(request):
                _build(request, progress, witness_within_s)
        except Stopped:
            log.info("export %s was stopped", name)
        except (GiveUp, TooLarge, NodeMissing) as error:
            fault = "pruned" if isinstance(error, NodeMissing) else getattr(error, "code", "too-large")
            services.fail_export(actor=ACTOR, name=name, fault=fault)
        except (Waiting, NotSealed) as error:
            progress.release(getattr(error, "code", "log-behind"))
        except Exception as error:
            _unforeseen(request, progress, error)
            raise
        finally:
            _tidy(request)
        request.refresh_from_db()
        return request


def _build(request: ExportRequest, progress: Progress, witness_within_s: float) -> None:
    try:
        policies.log_is_current()
    except Refused as refused:
        raise Waiting(refused.code) from None
    _await_grant(request)
    try:
        _finish(request, progress, witness_within_s)
    except Damaged as error:
        log.warning("export %s begins again: %s", request.name, error)
        _remove(request)
        request.forget_build()
        request.save(update_fields=["seal", "digest", "sealed_at", "expires_at", "work"])
        _finish(request, progress, witness_within_s)


def _await_grant(request: ExportRequest) -> None:
    """Return once the second person's yes is sealed. Errors: GiveUp when there is none, Waiting.

    It was committed with the request's state, so before ``begun``: when all that waits for its place in the
    log is younger than that, what is not found there was never written.
    """
    begun = time.monotonic()
    while True:
        oldest_s, passed_s = selectors.oldest_waits_s(), time.monotonic() - begun
        placed = oldest_s == 0 or 0 < oldest_s < passed_s - MARGIN_S
        place = selectors.grant_place(request)
        if place is None and placed:
            raise GiveUp("no-grant")
        if place is not None and place < selectors.sealed_size():
            return
        if passed_s > SEALED_WITHIN_S:
            raise Waiting("log-behind")
        time.sleep(GRANT_POLL_S)


def _finish(request: ExportRequest, progress: Progress, witness_within_s: float) -> None:
    """Go from wherever an earlier attempt came to the finished file."""
    if request.seal is None or request.work is None:
        _read_and_seal(request, progress)
    work = _work(request)
    packing.manifest(work, bytes(request.digest or b""))
    progress.phase("sealing")
    receipt = Receipt(request.seal, "audit.export", "allowed")  # type: ignore[arg-type]
    idx = wait(receipt, "sealed", timeout_s=SEALED_WITHIN_S)
    stored, cosigned = _witnessed(idx, progress, witness_within_s)
    line = Entry.objects.values_list("line", flat=True).get(idx=idx)
    packed = packing.pack(work, bytes(request.digest or b""), (idx, line), stored, cosigned, progress)
    progress.beat()
    folder.publish(packed.path, folder.finished(request.name))
    now = clock.now()
    progress.keep(
        state=ExportRequest.State.READY, lease=None, beat_at=None, work=None, phase="", fault="",
        size=packed.size, witnesses=", ".join(packed.witnesses), bytes=packed.bytes, sha256=packed.sha256,
        built_at=now, expires_at=min(now + KEPT_FOR, request.expires_at or now + KEPT_FOR),
    )  # fmt: skip


def _read_and_seal(request: ExportRequest, progress: Progress) -> None:
    """Read everything into a fresh folder and put its digest into the log."""
    _remove(request)
    request.work = uuid4()
    progress.keep(work=request.work, seal=None, digest=None, sealed_at=None, expires_at=None)
    done = reading.read(request, _work(request), progress)
    progress.phase("sealing")
    services.seal_export(
        actor=ACTOR,
        request=request,
        digest=done.digest,
        entries=done.entries,
        missing=done.missing,
        due=done.due,
    )


def _witnessed(idx: int, progress: Progress, within_s: float) -> tuple[Stored, list[Cosignature]]:
    """Return a checkpoint over ``idx`` that a witness signed. Errors: Waiting, Stopped."""
    progress.phase("witness")
    with connection.cursor() as cursor:
        cursor.execute(HURRY)
    deadline = time.monotonic() + within_s
    while (found := checkpoints.newest_cosigned(idx)) is None:
        if time.monotonic() > deadline:
            raise Waiting("no-witness")
        time.sleep(POLL_S)
        progress.step(0)
    return found


def _unforeseen(request: ExportRequest, progress: Progress, error: Exception) -> None:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    log.error("export %s: %s", request.name, type(error).__name__)
    if request.attempts >= MOST_ATTEMPTS:
        services.fail_export(actor=ACTOR, name=request.name, fault="disk-full" if full else "error")
    progress.release("disk-full" if full else "error")


def _tidy(request: ExportRequest) -> None:
    """Keep the folder of a sealed build that goes on later; every other may hold details and goes now."""
    now = ExportRequest.objects.filter(pk=request.pk).values("state", "seal", "work").first()
    goes_on = now and now["state"] == ExportRequest.State.BUILDING and now["seal"]
    if not (goes_on and now and now["work"] == request.work):
        _remove(request)


def _work(request: ExportRequest) -> Path:
    assert request.work is not None
    return folder.work(request.name, request.work)


def _remove(request: ExportRequest) -> None:
    if request.work is not None:
        folder.remove(_work(request))


@contextmanager
def _patient() -> Iterator[None]:
    """Let statements of this thread's connection take their time: a count over millions of lines does."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '20min'")
    try:
        yield
    finally:
        # The pool hands the connection on as it is. A lost one takes its setting along.
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")
