"""What people do about verifying, witnesses and pruning. Each is one transaction and one entry."""

from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from audit import checkpoints, permissions, pruning
from audit.checkpoints import Witness
from audit.context import acting_as, current_actor
from audit.entry import Actor, Outcome, Ref
from audit.models import PruneRequest, WitnessFile
from audit.nodes import NodeMissing
from audit.record import Receipt, commit, record
from audit.witnessing import asking
from audit.witnessing import files as witness_files
from audit.witnessing.answers import BadAnswer
from csoc.lib import clock
from csoc.lib.errors import Refused, nothing_here


@transaction.atomic
def request_cosignature(*, actor: Any, witness: Witness, old: int | None) -> WitnessFile:
    """Write a request to be carried to ``witness``. old: the size it says it knows, None for what we know.

    Errors: Refused ``nothing-signed``, ``bad-size`` (422), ``tree-damaged`` (409).
    """
    permissions.require_reader(actor)
    newest = checkpoints.newest()
    if newest is None:
        raise Refused("nothing-signed", _("Nothing is signed yet, so there is nothing to witness."), 409)
    known = asking.known_to(connection, witness.vkey, newest.origin) if old is None else old
    try:
        witness_files.write_request(connection, witness, newest, known, current_actor().id)
    except ValueError:
        sentence = _("This log has %(size)s entries, so no witness can know %(old)s.")
        raise Refused("bad-size", sentence % {"size": newest.size, "old": known}, 422) from None
    except NodeMissing as error:
        raise Refused("tree-damaged", _("The tree is damaged: %(why)s.") % {"why": error}, 409) from error
    record("audit.witness_request", witness_files.ref(witness))
    return WitnessFile.objects.filter(vkey=witness.vkey.text).latest("id")


@transaction.atomic
def hand_in_cosignature(*, actor: Any, witness: Witness, answer: str) -> int:
    """Hand in what a witness answered; return the size it is about. Errors: Refused (422)."""
    permissions.require_reader(actor)
    keys = checkpoints.log_vkeys()
    try:
        size = witness_files.hand_in(connection, witness, answer, keys, current_actor().id)
    except BadAnswer as error:
        raise Refused(error.code, error.sentence, 422) from error
    record("audit.witness_answer", witness_files.ref(witness))
    return size


@transaction.atomic
def ask_pruning(*, actor: Any, partition: int) -> PruneRequest | None:
    """Ask for the oldest part of the log to be pruned; None, and an entry of the attempt, if it may not be.

    Errors: Refused ``asked-already`` (409).
    """
    permissions.require_reader(actor)
    if partition != pruning.oldest_due(connection):
        record("approval.request", pruning.ref(partition), outcome=Outcome("failed", "not-prunable"))
        return None
    who = current_actor()
    receipt = record("approval.request", pruning.ref(partition))
    try:
        with transaction.atomic():
            return PruneRequest.objects.create(
                partition=partition, asked_by=who.id, asked_name=who.name or who.id,
                asked_at=clock.now(), asked_entry=receipt.uid,
            )  # fmt: skip
    except IntegrityError:
        raise Refused("asked-already", _("Somebody has asked for this already."), 409) from None


@transaction.atomic
def approve_pruning(*, actor: Any, partition: int) -> PruneRequest:
    """The second person's yes. Errors: Refused ``own-request`` (403), ``approved-already`` (409)."""
    permissions.require_reader(actor)
    request = PruneRequest.objects.select_for_update().filter(partition=partition).first()
    if request is None:
        raise nothing_here()
    who = current_actor()
    if who.id == request.asked_by:
        raise Refused(
            "own-request", _("You asked for this yourself: another privacy officer has to agree."), 403
        )
    if request.approved_by:
        sentence = _("%(name)s has agreed to this already.") % {"name": request.approved_name}
        raise Refused("approved-already", sentence, 409)
    receipt = record("approval.grant", pruning.ref(partition), parent=request.asked_entry)
    request.approved_by, request.approved_name = who.id, who.name or who.id
    request.approved_at, request.approved_entry = clock.now(), receipt.uid
    request.save(update_fields=["approved_by", "approved_name", "approved_at", "approved_entry"])
    return request


def announce_pruning(*, actor: Actor, partition: int, parent: Any) -> Receipt:
    """Say in the log that a partition goes. parent: the uid of the second person's agreement."""
    with acting_as(actor):
        return commit("log.prune", pruning.ref(partition), parent=parent)


def record_verification(*, actor: Actor, outcome: Outcome) -> Receipt:
    """Say in the log that somebody verified it by command, and what came of it."""
    with acting_as(actor):
        return commit("audit.verify", Ref("log", "audit"), outcome=outcome)
