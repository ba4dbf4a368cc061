"""Commands on their way to a trailer: rows are the truth, a push only makes them travel sooner."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from csoc.lib import clock, ids, realtime
from csoc.lib.errors import Misuse

from .models import Command, Trailer
from .selectors import command_wire

VERBS = frozenset(
    {
        "ptz.move",
        "ptz.stop",
        "ptz.preset",
        "ptz.slew",
        "stream.start",
        "stream.renew",
        "stream.stop",
        "speaker.play",
        "speaker.stop",
        "module.off",
        "deactivate",
        "self.test",
        "ping",
    }
)
# The first lock on the camera; the agent compares the alert with its own, which is the second.
CAMERA = frozenset({"ptz.move", "ptz.preset", "ptz.slew", "stream.start", "stream.renew"})
MAX_TTL_S = 300.0
# How long a trailer may leave a delivered command without a final answer.
ANSWER_S = 30.0

# One statement claims: of two sockets, two processes or two polls exactly one gets each row, and in the
# same breath the row forgets its stream token, so the only copy is the one being sent.
_CLAIM = """
WITH due AS (
    SELECT c.id, c.args FROM trailers_command c
    JOIN trailers_trailerstatus s ON s.trailer_id = c.trailer_id
    WHERE c.trailer_id = %(trailer)s AND c.state = 'queued' AND c.expires_at > %(now)s
      AND s.channel = %(channel)s
    ORDER BY c.seq FOR UPDATE OF c SKIP LOCKED
)
UPDATE trailers_command c SET state = 'sent', sent_at = %(now)s, args = c.args - 'token'
FROM due WHERE c.id = due.id AND c.state = 'queued'
RETURNING c.id, due.args::text
"""


def send_command(
    *,
    trailer: Trailer,
    name: str,
    args: dict[str, Any] | None = None,
    alert_id: uuid.UUID | str | None = None,
    operator: str,
    ttl_s: float,
    actor: Any,
) -> Command:
    """Queue one command for `trailer` and wake its socket on commit; it expires `ttl_s` seconds from now.

    Part of the caller's act: the caller records it. `operator` is a wire id (`u-1042`) or a system name.
    Errors: Misuse for an unknown verb, a camera verb without an alert, or a ttl outside 0-300 s.
    """
    if name not in VERBS or not actor:
        raise Misuse(f"no such command, or nobody who sends it: {name}")
    if name in CAMERA and alert_id is None:
        raise Misuse(f"{name} needs the alert it is about")
    if not 0 < ttl_s <= MAX_TTL_S:
        raise Misuse("a command lives between 0 and 300 s")
    with transaction.atomic(durable=False):
        now = clock.now()
        command = Command.objects.create(
            id=ids.uuid7(),
            trailer=trailer,
            seq=_next_seq(trailer),
            name=name,
            alert=alert_id,
            operator=operator,
            args=args or {},
            issued_at=now,
            expires_at=now + timedelta(seconds=ttl_s),
        )
        realtime.push_on_commit("trailers", {"type": "command", "trailer": trailer.number})
    return command


def _next_seq(trailer: Trailer) -> int:
    """The row stays locked until commit, so numbers become visible in the order they were given."""
    Trailer.objects.filter(pk=trailer.pk).update(command_seq=F("command_seq") + 1)
    return Trailer.objects.values_list("command_seq", flat=True).get(pk=trailer.pk)


def claim_queued(trailer_id: int, channel: str) -> list[dict[str, Any]]:
    """Mark the queued, unexpired commands of a trailer as sent and return them unsigned, in order of seq.

    Only the socket called `channel` that speaks for the trailer gets any.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"trailer": trailer_id, "channel": channel, "now": clock.now()})
        claimed = dict(cursor.fetchall())
    if not claimed:
        return []
    rows = Command.objects.select_related("trailer").filter(pk__in=claimed).order_by("seq")
    return [command_wire(row, json.loads(claimed[row.pk])) for row in rows]


def expire_due(at: datetime) -> int:
    """End what nobody fetched (`expired`, token blanked) and what nobody answered (`failed`); count both."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE trailers_command SET state = 'expired', args = args - 'token', acked_at = %s "
            "WHERE state = 'queued' AND expires_at <= %s",
            [at, at],
        )
        expired = cursor.rowcount
        cursor.execute(
            "UPDATE trailers_command SET state = 'failed', code = 'no-answer', acked_at = %s "
            "WHERE state IN ('sent', 'received') AND expires_at <= %s",
            [at, at - timedelta(seconds=ANSWER_S)],
        )
        return int(expired + cursor.rowcount)
