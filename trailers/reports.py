"""What a trailer reports of itself. No person acts here: it goes to the trailer's row, not to the log.

One thing is an entry: how a command ended, because a person's act stands behind the command.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction

import audit
from csoc.lib import clock, realtime

from .models import Command, DesiredState, Trailer, TrailerStatus
from .schemas import AckMessage, Report
from .selectors import state_of, trailer_wire

# A chatty trailer may not flood the screens.
PUSH_EVERY = timedelta(seconds=3)
#: How a command ended, and what the log calls it.
_ENDED = {"done": "allowed", "refused": "denied", "failed": "failed", "expired": "failed"}


def record_hello(
    *, trailer: Trailer, channel: str, report: Report | None = None, actor: Any
) -> TrailerStatus:
    """The socket `channel` speaks for `trailer` from now on; an older one is told to go.

    `actor` is the signed key. Returns the status, with what was reported in it.
    """
    with transaction.atomic(durable=False):
        status = TrailerStatus.objects.select_for_update().get(trailer=trailer)
        status.channel = channel
        _take(status, report, clock.now())
        status.save()
        realtime.push_on_commit("trailers", {"type": "socket", "trailer": trailer.number})
        push_trailer(trailer.pk, clock.now())
    return status


def heartbeat(*, trailer: Trailer, report: Report, actor: Any) -> TrailerStatus:
    """A sign of life, with whatever the trailer says of itself; screens hear at most every 3 s.

    A change of what the board shows (lost, fault, active) is pushed at once.
    """
    with transaction.atomic(durable=False):
        status = TrailerStatus.objects.select_for_update().get(trailer=trailer)
        now = clock.now()
        _take(status, report, now)
        status.save()
        desired = DesiredState.objects.get(trailer=trailer)
        quiet = status.pushed_at is not None and now - status.pushed_at < PUSH_EVERY
        if not quiet or state_of(status, desired, now) != status.shown_state:
            push_trailer(trailer.pk, now)
    return status


def _take(status: TrailerStatus, report: Report | None, now: datetime) -> None:
    """Only what was said changes; a part that is absent keeps its last value."""
    status.version += 1
    status.link_at = now
    if report is None:
        return
    if report.position is not None:
        status.lat, status.lon, status.fix_at = report.position.lat, report.position.lon, now
    if report.battery_soc_pct is not msgspec.UNSET:
        # Said to be unknown is not the same as not said.
        status.battery_soc_pct = report.battery_soc_pct
    for name in ("faults", "desired_version", "hotlist_version", "agent_version"):
        value = getattr(report, name)
        if value is not None:
            setattr(status, name, value)


def record_ack(*, trailer: Trailer, ack: AckMessage, actor: Any) -> Command | None:
    """Move a command forward by the trailer's answer; None when the answer fits no open command of its own.

    A final state stays: `received` after `done` changes nothing. Errors: LogDown, and then nothing is moved.
    """
    try:
        command_id = UUID(ack.cmd)
    except ValueError:
        return None
    with transaction.atomic(durable=False):
        command = (
            Command.objects.select_for_update()
            .filter(pk=command_id, trailer=trailer, state__in=(Command.State.SENT, Command.State.RECEIVED))
            .first()
        )
        if command is None:
            return None
        command.answer(ack.status, ack.code or "", clock.now())
        message = {
            "type": "ack",
            "trailer": trailer.number,
            "command": str(command.pk),
            "state": command.state,
        }
        realtime.push_on_commit("trailers", message)
        if command.state in _ENDED:
            _enter(trailer, command, actor)
    return command


def _enter(trailer: Trailer, command: Command, actor: Any) -> None:
    ref = audit.Ref("command", str(command.pk), trailer.agency.code)
    outcome = audit.Outcome(_ENDED[command.state], code=command.code.strip("-") or None)
    speaking = audit.Actor("trailer", trailer.name, agency=trailer.agency.code, auth=actor.key.keyid)
    with audit.acting_as(speaking):
        audit.record("trailer.command_ack", ref, outcome=outcome)


def push_trailer(trailer_id: int, at: datetime) -> None:
    """Send the trailer as it now is to the screens on commit, and remember what they were shown."""
    trailer = Trailer.objects.select_related("status", "desired", "agency").get(pk=trailer_id)
    wire = trailer_wire(trailer, at)
    TrailerStatus.objects.filter(trailer_id=trailer_id).update(pushed_at=at, shown_state=wire["state"])
    # The board's hub reads the agency, and takes it off, to choose the screens.
    realtime.push_on_commit("live", {"type": "trailer", "trailer": wire, "agency": trailer.agency.code})


def show_lost(at: datetime) -> int:
    """Push every trailer whose state on the board is no longer true (it fell silent, say); count them."""
    stale = [
        trailer.pk
        for trailer in Trailer.objects.select_related("status", "desired").exclude(status__pushed_at=None)
        if state_of(trailer.status, trailer.desired, at) != trailer.status.shown_state
    ]
    for trailer_id in stale:
        with transaction.atomic(durable=False):
            status = TrailerStatus.objects.select_for_update().get(trailer_id=trailer_id)
            status.version += 1
            status.save(update_fields=["version"])
            push_trailer(trailer_id, at)
    return len(stale)
