"""What people and the builder do with exports. Each function is one transaction and one entry (H14)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from audit import selectors as audit_selectors
from audit.context import acting_as, current_actor
from audit.entry import Actor, Outcome, Reason
from audit.exports import asking, policies, queue
from audit.exports.selectors import locked, ref
from audit.models import ExportRequest
from audit.record import Receipt, commit, record
from csoc.lib import clock
from csoc.lib.errors import nothing_here

#: Taken while a number is given, so that two requests never get the same one.
NUMBER_LOCK = 0x455850_00
State = ExportRequest.State


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. ``subject``: kinds actor and object; ``question``: that kind; first, last: range.

    also: size of an earlier checkpoint that the recipient holds.
    """

    kind: str
    reason: str
    reference: str
    recipient: str
    subject: str = ""
    question: str = ""
    first: int | None = None
    last: int | None = None
    details: bool = False
    also: int | None = None


def _why(request: ExportRequest) -> dict[str, Any]:
    return {
        "reason": Reason(request.reason, authority=request.reference),
        "recipients": [request.recipient],
    }


@transaction.atomic
def ask_export(*, actor: Any, wanted: Wanted) -> ExportRequest:
    """Ask for an export; nothing is read before a second person has approved."""
    policies.may_ask(actor)
    policies.readable(recipient=wanted.recipient, reference=wanted.reference)
    policies.log_is_current()
    who, now = current_actor(), clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBER_LOCK])
    last = ExportRequest.objects.filter(year=now.year).aggregate(last=Max("serial"))["last"] or 0
    request = ExportRequest(
        agency=who.agency or "", year=now.year, serial=last + 1, requester=who.id,
        requester_name=who.name or who.id, asked_at=now, **asdict(wanted),
    )  # fmt: skip
    asking.refuse_foreign(asking.quick_count(request, audit_selectors.size()))
    request.asked_entry = record("approval.request", ref(request), **_why(request)).uid
    request.save(force_insert=True)
    return request


@transaction.atomic
def approve_export(*, actor: Any, name: str) -> ExportRequest:
    """Let it be built: exactly what was asked, as the database keeps it unchanged."""
    policies.may_see(actor)
    request = locked(name)
    policies.may_decide(actor, request)
    who = current_actor()
    request.decide(State.APPROVED, by=who.id, name=who.name or who.id, at=clock.now())
    request.save()
    record("approval.grant", ref(request), parent=request.asked_entry, **_why(request))
    transaction.on_commit(lambda: queue.send(request.name), robust=True)
    return request


@transaction.atomic
def refuse_export(*, actor: Any, name: str, refusal: str) -> ExportRequest:
    """Say no, with a reason of the closed list."""
    policies.may_see(actor)
    request = locked(name)
    policies.may_decide(actor, request)
    who = current_actor()
    request.decide(State.REFUSED, by=who.id, name=who.name or who.id, at=clock.now(), refusal=refusal)
    request.save()
    outcome = Outcome("allowed", code=refusal)
    record("approval.deny", ref(request), outcome=outcome, parent=request.asked_entry, **_why(request))
    return request


@transaction.atomic
def withdraw_export(*, actor: Any, name: str) -> ExportRequest:
    """Take a request back; a build under way stops at its next step and leaves no file."""
    policies.may_ask(actor)
    request = locked(name)
    policies.may_withdraw(actor, request)
    request.move(State.WITHDRAWN if request.state == State.ASKED else State.CANCELLED)
    request.save()
    record("approval.withdraw", ref(request), parent=request.asked_entry, **_why(request))
    return request


@transaction.atomic
def seal_export(
    *,
    actor: Actor,
    request: ExportRequest,
    digest: bytes,
    entries: int,
    missing: int,
    due: datetime | None,
) -> Receipt:
    """Put the manifest's digest into the log; from here on the export's content is fixed.

    due: when the first detail of the public in it must be gone; the file goes no later.

    What a crash leaves: before COMMIT a build to begin again, after it one that only waits for its
    checkpoint. Errors: nothing_here when somebody stopped or took over the build.
    """
    held = ExportRequest.objects.select_for_update().filter(pk=request.pk, lease=request.lease).first()
    if held is None or held.state != State.BUILDING:
        raise nothing_here()
    outcome = (
        Outcome("partial", code="details-missing", n=entries) if missing else Outcome("allowed", n=entries)
    )
    with acting_as(actor):
        receipt = record(
            "audit.export", ref(request), outcome=outcome, parent=request.asked_entry,
            extra={"digest": digest.hex()}, **_why(request),
        )  # fmt: skip
    request.seal, request.digest, request.sealed_at = receipt.uid, digest, clock.now()
    request.entries, request.missing, request.expires_at = entries, missing, due
    request.save(update_fields=["seal", "digest", "sealed_at", "entries", "missing", "expires_at"])
    return receipt


@transaction.atomic
def fail_export(*, actor: Actor, name: str, fault: str) -> ExportRequest:
    """Give a build up, with the code that the page has a sentence for."""
    request = locked(name)
    if request.state == State.BUILDING:
        request.move(State.FAILED, fault=fault)
        request.save()
        outcome = Outcome("failed", code=fault)
        with acting_as(actor):
            record("audit.export", ref(request), outcome=outcome, parent=request.asked_entry, **_why(request))
    return request


@transaction.atomic
def expire_export(*, actor: Actor, name: str) -> ExportRequest:
    """Record that the file is deleted, or that an approval was not used in time. The caller deletes."""
    request = locked(name)
    if request.state in (State.READY, State.APPROVED):
        request.move(State.EXPIRED)
        request.save()
        with acting_as(actor):
            record("audit.expire", ref(request), parent=request.asked_entry)
    return request


def hand_out_export(*, actor: Actor, request: ExportRequest) -> Receipt:
    """Record that somebody at the machine copies the file, before they do; people's downloads are guarded."""
    policies.still_there(request, clock.now())
    with acting_as(actor):
        outcome = Outcome("allowed", n=request.entries, bytes=request.bytes)
        return commit("audit.download", ref(request), outcome=outcome, parent=request.asked_entry)
