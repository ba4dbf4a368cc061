"""How many clips and crops are judged at the same time in this process.

A check is tenths of a second of arithmetic. Requests have 16 threads (csoc/handler.py), and alerts must find
one: media take at most ``ADMITTED`` of them, of which ``AT_WORK`` compute: ten clips a second. One
more is asked to come again, and the trailer does (429 and 503 keep what is to be sent).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.utils.translation import gettext as _

from csoc.lib.errors import Refused

ADMITTED = 4
AT_WORK = 1
#: Whoever waited so long is behind a check that hangs: the thread is worth more.
WAIT_S = 3.0


class Slots:
    """A bound on checks under way. Errors: Refused 503 ``unavailable`` when there is no room."""

    def __init__(self, admitted: int = ADMITTED, at_work: int = AT_WORK) -> None:
        self._admitted = BoundedSemaphore(admitted)
        self._at_work = BoundedSemaphore(at_work)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place for the length of a block."""
        if not self._admitted.acquire(blocking=False):
            raise _busy()
        try:
            if not self._at_work.acquire(timeout=WAIT_S):
                raise _busy()
            try:
                yield
            finally:
                self._at_work.release()
        finally:
            self._admitted.release()


def _busy() -> Refused:
    return Refused("unavailable", _("Clips and crops are being checked. Send it again in a moment."), 503)


CHECKS = Slots()
