"""What technicians do about trailers at work: take on a warning, ask for a sign of life; and forgetting."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

import audit
from accounts.models import User
from csoc.lib import clock

from .. import policies, selectors, watch
from ..commands import send_command
from ..models import Command, Telemetry, Trailer, TrailerWarning
from ..points import KEPT

TEST_TTL_S = 30.0
#: So many rows a statement: no lock lasts, and intake goes on between two of them.
BATCH = 5_000
#: So many statements a run; the next run does the rest.
MOST_BATCHES = 40
#: Ended warnings are kept as long as the audit needs to compare: the rows say nothing of people.
WARNINGS_KEPT = timedelta(days=365)


def acknowledge_warning(*, actor: User, trailer: Trailer, kind: str, level: str) -> TrailerWarning:
    """Take on a technical warning by name, as it was shown; the first one wins.

    It is judged anew first, so that a warning that no beat has kept yet can be taken on as well.
    Errors: Refused `not-permitted`, `not-found`; 409 `already-acknowledged` (`by`, `at`), `warning-over`,
    `warning-changed`.
    """
    now = clock.now()
    with transaction.atomic(durable=False):
        # Locks the trailer's status, which is what lets one of two people win.
        watch.judge_trailer(trailer.pk, now)
        warning = (
            TrailerWarning.objects.select_for_update(of=("self",))
            .select_related("acknowledged_by")
            .filter(trailer=trailer, kind=kind, ended_at=None)
            .first()
        )
        policies.may_acknowledge_warning(actor, trailer, warning, level)
        assert warning is not None
        warning.acknowledge(actor.person, now)
        audit.record("trailer.warning_acknowledge", selectors.trailer_ref(trailer), reason=audit.Reason(kind))
    return warning


def ask_trailer(*, actor: User, trailer: Trailer, name: str) -> Command:
    """Ask a trailer to test itself (`self.test`) or for a sign of life (`ping`); it raises no alert.

    What comes of it is the trailer's answer. Errors: Refused `not-permitted`, `not-found`; 409 `asked`
    while an earlier question waits.
    """
    with transaction.atomic(durable=False):
        Trailer.objects.select_for_update().get(pk=trailer.pk)
        policies.may_ask(actor, trailer, name, clock.now())
        command = send_command(
            trailer=trailer, name=name, operator=actor.person.wire_id, ttl_s=TEST_TTL_S, actor=actor
        )
        audit.record("trailer.command", selectors.trailer_ref(trailer), reason=audit.Reason(name))
    return command


def forget_telemetry(*, actor: audit.Actor) -> int:
    """Delete points of over 30 days ago, in batches; each batch that deleted any is an entry. Idempotent."""
    gone = 0
    before = clock.now() - KEPT
    with audit.acting_as(actor):
        for _batch in range(MOST_BATCHES):
            with transaction.atomic(durable=False):
                old = Telemetry.objects.filter(ts__lt=before).order_by("ts")
                chosen = list(old.values_list("pk", flat=True)[:BATCH])
                count, _each = Telemetry.objects.filter(pk__in=chosen).delete()
                if count:
                    outcome = audit.Outcome("allowed", n=count)
                    audit.record("telemetry.expire", audit.Ref("telemetry", "fleet"), outcome=outcome)
            gone += count
            if count < BATCH:
                break
        TrailerWarning.objects.filter(ended_at__lt=clock.now() - WARNINGS_KEPT).delete()
    return gone
