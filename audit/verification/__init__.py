"""Verifying the log from inside: ``verify`` looks at it once, ``state`` tells pages what was found last.

An inside look finds damage, edits and careless rewriting. Who holds the log's own key and the database can
rewrite both alike: that is found only by what stands outside (``whole.judge_seen``: a witness's note).
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from audit.notes import VerifierKey
from audit.verification import whole
from audit.verification.details import Erased
from audit.verification.findings import STATUS, Finding, Report, told, worst
from audit.verification.signatures import Keyring, judge_rotations
from audit.verification.slices import Broken, Slice
from audit.verification.state import State, state

__all__ = ["STATUS", "Finding", "Report", "State", "state", "told", "verify", "worst"]


def verify(
    connection: psycopg.Connection[Any],
    since: int = 0,
    until: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    witnesses: Sequence[VerifierKey] = (),
) -> Report:
    """Check lines ``since`` to ``until`` - 1 (None: to the end) with everything that is signed about them.

    connection: plain psycopg with autocommit, any role that may read the log. progress: called with (lines
    done, lines in all) after each chunk. witnesses: whose cosignatures can be judged.
    From line 0 (or where a pruned log begins) the ids of all entries are compared as well.
    """
    began = time.monotonic()
    first, size = whole.ends(connection)
    until = size if until is None else min(until, size)
    ring = Keyring.of(connection)
    start = max(min(since, until), first)
    findings = [
        *whole.judge_beginning(connection, first),
        *whole.judge_end(connection),
        *judge_rotations(connection),
    ]
    report = Report(size=until, since=start)
    try:
        part = Slice(
            connection,
            start,
            until,
            ring=ring,
            witnesses=witnesses,
            erased=Erased(connection),
        )
        report = part.report
        try:
            for _lines in part:
                if progress:
                    progress(report.lines, until - start)
        finally:
            findings += part.findings
    except Broken as error:
        findings.append(error.finding)
    if start == first:
        findings += whole.judge_doubles(connection)
    report.findings = findings
    report.seconds = time.monotonic() - began
    return report
