"""Wait until an entry is signed, or witnessed: exports may not leave before."""

import time

from django.db import connections

from audit import checkpoints
from audit.record import Receipt

STAGES = ("sealed", "witnessed")
USING = "audit"
POLL_S = 0.02
#: Checking signatures costs more than looking at a number, and a witness takes its time.
WITNESS_POLL_S = 0.2
PLACE = "SELECT idx, EXISTS (SELECT FROM audit_checkpoint WHERE size > idx) FROM audit_log WHERE uid = %s"
#: The publisher listens and asks the witnesses at once.
HURRY = "NOTIFY audit_witness"


class NotSealed(TimeoutError):
    """The entry has not reached the stage in time: no signature, or no witness's, covers it yet."""


def wait(receipt: Receipt, stage: str, *, timeout_s: float = 5.0) -> int:
    """Return the entry's index once it has reached ``stage``.

    sealed: a checkpoint signed by the log covers it. witnessed: one does that carries a listed witness's
    valid signature as well. Errors: NotSealed after ``timeout_s`` seconds, ValueError for another stage.
    """
    if stage not in STAGES:
        raise ValueError(f"the stages are {STAGES}")
    deadline = time.monotonic() + timeout_s
    while (idx := _signed_place(receipt)) is None:
        _pause(deadline, POLL_S, f"entry {receipt.uid} is written but not sealed after {timeout_s:g} s")
    if stage == "witnessed":
        _hurry()
        while checkpoints.newest_witnessed(above=idx, using=USING) is None:
            _pause(deadline, WITNESS_POLL_S, f"entry {idx} is sealed but not witnessed after {timeout_s:g} s")
    return idx


def _signed_place(receipt: Receipt) -> int | None:
    with connections[USING].cursor() as cursor:
        cursor.execute(PLACE, [receipt.uid])
        row = cursor.fetchone()
    return int(row[0]) if row and row[1] else None


def _hurry() -> None:
    with connections[USING].cursor() as cursor:
        cursor.execute(HURRY)


def _pause(deadline: float, seconds: float, otherwise: str) -> None:
    if time.monotonic() > deadline:
        raise NotSealed(otherwise)
    time.sleep(seconds)
