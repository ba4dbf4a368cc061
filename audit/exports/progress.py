"""Who builds an export and how far it is: a lease that its holder renews, and words for the page.

A builder that dies stops renewing; after two minutes another one may take the lease. One that was only
slow finds its lease gone at its next step and stops.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from django.db import DatabaseError, connection, transaction

from audit.exports import selectors
from audit.models import ExportRequest
from csoc.lib import clock

EVERY_S = 0.5
#: A census over many millions of lines is one statement of minutes: somebody else keeps the lease meanwhile.
BEAT_S = 20.0


class Stopped(Exception):
    """Somebody cancelled the export, or took the build over."""


def take_lease(name: str) -> ExportRequest | None:
    """Become the one who builds ``name``; None when it is not to be built, or somebody else builds."""
    year, serial = selectors.number(name)
    with transaction.atomic():
        waiting = selectors.unbuilt(clock.now()).select_for_update(skip_locked=True)
        request = waiting.filter(year=year, serial=serial).first()
        if request is None:
            return None
        request.state, request.lease, request.beat_at = ExportRequest.State.BUILDING, uuid4(), clock.now()
        request.attempts += 1
        request.fault = ""
        request.save(update_fields=["state", "lease", "beat_at", "attempts", "fault"])
    return request


@contextmanager
def beating(request: ExportRequest) -> Iterator[None]:
    """Renew the lease from a thread of its own inside the block; it dies with this process."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_S):
            with suppress(DatabaseError):
                held = ExportRequest.objects.filter(pk=request.pk, lease=request.lease)
                held.update(beat_at=clock.now())
            connection.close()

    thread = threading.Thread(target=beat, name=f"lease of {request.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(BEAT_S)


class Progress:
    """Tells the page what the holder of a lease does. Each call may raise Stopped."""

    def __init__(self, request: ExportRequest) -> None:
        self._held = ExportRequest.objects.filter(
            pk=request.pk, lease=request.lease, state=ExportRequest.State.BUILDING
        )
        self._phase, self._done, self._total = "", 0, 0
        self._told_at = 0.0

    def phase(self, name: str, total: int = 0) -> None:
        """Begin a phase of ``total`` steps; 0 when nobody can know."""
        self._phase, self._done, self._total = name, 0, total
        self.beat()

    def step(self, steps: int = 1) -> None:
        """Count steps; the page hears of them twice a second at most."""
        self._done += steps
        if time.monotonic() - self._told_at > EVERY_S:
            self.beat()

    def beat(self) -> None:
        """Renew the lease and tell how far it is."""
        self._told_at = time.monotonic()
        self.keep(phase=self._phase, done=self._done, total=self._total)

    def keep(self, **fields: object) -> None:
        """Write fields of the request, as long as the lease is held."""
        if not self._held.update(**{"beat_at": clock.now(), **fields}):
            raise Stopped

    def release(self, fault: str = "") -> None:
        """Give the lease back, so that the next attempt need not wait for it to run out."""
        self._held.update(lease=None, beat_at=None, fault=fault)
