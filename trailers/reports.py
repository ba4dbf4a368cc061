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
from csoc.lib import clock, events, realtime

from . import fence
from .models import MODULES, Command, DesiredState, ModuleChange, Trailer, TrailerStatus
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
        status = _heard(trailer, report or Report(), clock.now(), channel=channel)
        realtime.push_on_commit("trailers", {"type": "socket", "trailer": trailer.number})
        push_trailer(trailer.pk, clock.now())
    return status


def heartbeat(*, trailer: Trailer, report: Report, actor: Any) -> TrailerStatus:
    """A sign of life, with whatever the trailer says of itself; screens hear at most every 3 s.

    A change of what the board shows (lost, fault, active), or of a module, is pushed at once.
    """
    with transaction.atomic(durable=False):
        now = clock.now()
        status = _heard(trailer, report, now)
        desired = DesiredState.objects.get(trailer=trailer)
        quiet = status.pushed_at is not None and now - status.pushed_at < PUSH_EVERY
        switched = any(word["at"] == clock.wire(now) for word in status.modules.values())
        if not quiet or switched or state_of(status, desired, now) != status.shown_state:
            push_trailer(trailer.pk, now)
    return status


def note_missing(*, trailer: Trailer, n: int, actor: Any) -> None:
    """Show on the board how many of the trailer's reports are missing; part of the caller's act."""
    status = TrailerStatus.objects.select_for_update().get(trailer=trailer)
    status.missing_reports = n
    status.version += 1
    status.save(update_fields=["missing_reports", "version"])
    push_trailer(trailer.pk, clock.now())


def _heard(trailer: Trailer, report: Report, now: datetime, **changes: Any) -> TrailerStatus:
    """Take what the trailer says. One that was moved loses its deployment in the same transaction (H4).

    That comes first: whoever ends a deployment locks it before the trailer's rows, so a report must too.
    """
    peek = TrailerStatus.objects.get(trailer=trailer)
    if fence.moved(peek, DesiredState.objects.get(trailer=trailer), report, now):
        events.emit("trailer.moved", trailer=trailer)
    status = TrailerStatus.objects.select_for_update().get(trailer=trailer)
    desired = DesiredState.objects.get(trailer=trailer)
    status.off_point_fixes = fence.off_point(status, desired, report, now)
    for name, value in changes.items():
        setattr(status, name, value)
    _take(status, report, now)
    status.save()
    return status


def _take(status: TrailerStatus, report: Report, now: datetime) -> None:
    """Only what was said changes; a part that is absent keeps its last value."""
    status.version += 1
    status.link_at = now
    said_at = _moment(report.at)
    if said_at is not None:
        status.clock_skew_ms = round((said_at - now).total_seconds() * 1000)
    if report.position is not None:
        _fixed(status, report, said_at, now)
    if report.battery_soc_pct is not msgspec.UNSET:
        # Said to be unknown is not the same as not said.
        status.battery_soc_pct = report.battery_soc_pct
    if report.desired_version is not None and report.desired_version != status.desired_version:
        status.desired_version_at = now
    for name in ("faults", "desired_version", "hotlist_version", "agent_version"):
        value = getattr(report, name)
        if value is not None:
            setattr(status, name, value)
    if report.modules is not None:
        _switched(status, report.modules, now)


def _moment(text: str | None) -> datetime | None:
    """A time of the trailer's own; one that no calendar has is unknown."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
    except ValueError:
        return None


def _fixed(status: TrailerStatus, report: Report, said_at: datetime | None, now: datetime) -> None:
    """Keep a fix; how old it is already, the trailer knows by its own clock."""
    fix, fixed_at = report.position, _moment(report.fix_at)
    assert fix is not None
    age = said_at - fixed_at if said_at is not None and fixed_at is not None else timedelta(0)
    status.lat, status.lon, status.fix_at = fix.lat, fix.lon, now - max(age, timedelta(0))
    status.satellites, status.accuracy_m = fix.satellites, fix.accuracy_m
    status.fix_said = report.fix_at or ""


def _switched(status: TrailerStatus, said: dict[str, str], now: datetime) -> None:
    """Keep what was said of each module, and since when; a change is a row of its own."""
    status.modules_at = now
    for module, word in said.items():
        if module not in MODULES or word not in ("on", "off"):
            continue
        before = status.modules.get(module)
        if before is None or before["on"] != (word == "on"):
            status.modules[module] = {"on": word == "on", "at": clock.wire(now)}
            ModuleChange.objects.create(trailer_id=status.trailer_id, module=module, on=word == "on", at=now)


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
