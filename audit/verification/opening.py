"""Opens every detail of a range and compares it with its commitment. Needs the keys, so not the publisher."""

from collections.abc import Iterator
from typing import Any

import psycopg
from django.utils.translation import gettext as _

from audit import detail
from audit.verification.details import Erased, committed, entry_of
from audit.verification.findings import Finding
from csoc.lib.sealing import SealBroken

ROWS_AT_ONCE = 1_000
LINES = "SELECT idx, line FROM audit_log WHERE idx >= %s AND idx < %s ORDER BY idx"
SEALED = """
SELECT commitment, sealed, key_id, expires > clock_timestamp() FROM audit_detail WHERE commitment = ANY(%s)
"""


def judge_details(connection: psycopg.Connection[Any], start: int, end: int) -> list[Finding]:
    """Return what does not open, or opens to something else than entries ``start`` to ``end`` - 1 say.

    A key that is gone is well only when its time was over or the erasure is in the log.
    """
    findings = []
    erased = Erased(connection)
    erased.refresh(end)
    for idx, commitment, sealed, key_id, due_later in _sealed(connection, start, end):
        words = {"idx": idx, "key": key_id}
        try:
            detail.opened(commitment, sealed, key_id)
        except FileNotFoundError:
            if due_later and commitment not in erased:
                sentence = _(
                    "The detail of entry %(idx)s can't be opened: its key %(key)s is gone too early."
                )
                findings.append(Finding("detail", idx, sentence % words))
        except (SealBroken, ValueError):
            sentence = _("The detail of entry %(idx)s was changed: it is not what the entry commits to.")
            findings.append(Finding("detail", idx, sentence % words))
    return findings


def _sealed(
    connection: psycopg.Connection[Any], start: int, end: int
) -> Iterator[tuple[int, bytes, bytes, str, bool]]:
    """Yield (index, commitment, sealed, key id, is it kept still) of each detail there is."""
    for since in range(start, end, ROWS_AT_ONCE):
        noted: dict[bytes, list[int]] = {}
        for idx, line in connection.execute(LINES, [since, min(since + ROWS_AT_ONCE, end)]):
            for commitment in _committed(line):
                noted.setdefault(commitment, []).append(idx)
        for commitment, sealed, key_id, due_later in connection.execute(SEALED, [list(noted)]):
            for idx in noted[bytes(commitment)]:
                yield idx, bytes(commitment), bytes(sealed), key_id, due_later


def _committed(line: str) -> list[bytes]:
    try:
        return committed(entry_of(line))
    except ValueError:
        return []
