"""Wait until an entry has its place in the log: exports may not leave before."""

import time

from django.db import connections

from audit.record import Receipt

STAGES = ("sealed",)
POLL_S = 0.02


class NotSealed(TimeoutError):
    """The sequencer has not reached the entry in time."""


def wait(receipt: Receipt, stage: str, *, timeout_s: float = 5.0) -> int:
    """Return the entry's index once it has reached ``stage``: ``sealed`` = a place in the log.

    Errors: NotSealed after ``timeout_s`` seconds, ValueError for another stage.
    """
    if stage not in STAGES:
        raise ValueError(f"the stages are {STAGES}")
    deadline = time.monotonic() + timeout_s
    while True:
        with connections["audit"].cursor() as cursor:
            cursor.execute("SELECT idx FROM audit_log WHERE uid = %s", [receipt.uid])
            row = cursor.fetchone()
        if row is not None:
            return int(row[0])
        if time.monotonic() > deadline:
            raise NotSealed(f"entry {receipt.uid} is written but not sealed after {timeout_s:g} s")
        time.sleep(POLL_S)
