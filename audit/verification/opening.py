"""Opens every detail of a range and compares it with its commitment. Needs the keys, so not the publisher."""

from typing import Any

import psycopg
from django.utils.translation import gettext as _

from audit import detail
from audit.verification.details import Erased
from audit.verification.findings import Finding
from csoc.lib.sealing import SealBroken

ROWS_AT_ONCE = 1_000
COMMITTED = """
SELECT l.idx, d.commitment, d.sealed, d.key_id, d.expires > clock_timestamp()
FROM audit_log l, LATERAL (VALUES (l.line::jsonb #>> '{e,old}'), (l.line::jsonb #>> '{e,new}'),
    (l.line::jsonb #>> '{e,detail}')) AS member(hex)
JOIN audit_detail d ON d.commitment = decode(member.hex, 'hex')
WHERE l.idx >= %s AND l.idx < %s
"""


def judge_details(connection: psycopg.Connection[Any], start: int, end: int) -> list[Finding]:
    """Return what does not open, or opens to something else than entries ``start`` to ``end`` - 1 say.

    A key that is gone is well only when its time was over or the erasure is in the log.
    """
    findings = []
    erased = Erased(connection)
    erased.refresh(end)
    with connection.transaction(), connection.cursor("details") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(COMMITTED, [start, end])
        for idx, commitment, sealed, key_id, due_later in cursor:
            words = {"idx": idx, "key": key_id}
            try:
                detail.opened(bytes(commitment), bytes(sealed), key_id)
            except FileNotFoundError:
                if due_later and bytes(commitment) not in erased:
                    sentence = _(
                        "The detail of entry %(idx)s can't be opened: its key %(key)s is gone too early."
                    )
                    findings.append(Finding("detail", idx, sentence % words))
            except (SealBroken, ValueError):
                sentence = _("The detail of entry %(idx)s was changed: it is not what the entry commits to.")
                findings.append(Finding("detail", idx, sentence % words))
    return findings
