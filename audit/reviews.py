"""Who may look at what was raised, and the one act there is: to decide, with a note that is sealed.

The rules that matter stand in the database too: nobody judges their own act, the first decision stands,
and nobody decides twice on the same item.
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audit import flags
from audit.context import current_actor
from audit.entry import Reason, Ref
from audit.models import Review, ReviewDecision
from audit.models.reviews import DECISIONS
from audit.permissions import in_group
from audit.record import record
from audit.review_selectors import counts, open_count, overdue_count, visible_to
from csoc.lib import clock
from csoc.lib.errors import Refused, nothing_here

__all__ = [
    "DECISIONS",
    "REVIEWERS",
    "counts",
    "decide",
    "may_decide",
    "open_count",
    "overdue_count",
    "require_reviewer",
]

REVIEWERS = ("privacy_officer", "supervisor")
MAX_NOTE = 2_000


@dataclass(frozen=True, slots=True)
class Reviewer:
    """The acting person, as the log names them."""

    number: int
    name: str


def require_reviewer(user: Any) -> None:
    """Raise Refused ``not-permitted`` unless ``user`` may review at all."""
    if not in_group(user, *REVIEWERS):
        raise Refused("not-permitted", _("Only supervisors and the privacy officer review."), 403)


def may_decide(review: Review, reviewer: Reviewer) -> None:
    """Raise Refused when this person may not decide on it now; the caller holds the row's lock.

    Errors: ``own-act`` (403), ``decided-by-you`` (409).
    """
    if review.subject == reviewer.number:
        raise Refused("own-act", _("You did this yourself. Somebody else must review it."), 403)
    if review.decisions.filter(reviewer=reviewer.number).exists():
        raise Refused("decided-by-you", _("You decided on this already. A decision stands."), 409)


def _first(review: Review, further: bool) -> None:
    """One decision wins; whoever knew of it may add a further one."""
    first = review.decisions.order_by("nth").first()
    if first is not None and not further:
        raise Refused(
            "already-decided",
            _("%(name)s decided on this meanwhile. Read it; you may add a further review.")
            % {"name": first.reviewer_name},
            409,
        )


def acting_reviewer() -> Reviewer:
    """Return who acts. Errors: Refused ``not-permitted`` for whoever is no person."""
    actor = current_actor()
    number = flags.person_number(actor.id) if actor.kind == "person" else 0
    if not number:
        raise Refused("not-permitted", _("Only a named person reviews."), 403)
    return Reviewer(number, actor.name or actor.id)


@transaction.atomic
def decide(*, actor: Any, review_id: int, decision: str, note: str, further: bool = False) -> ReviewDecision:
    """Decide: ``in-order``, ``needs-explanation`` or ``not-justified``, with a note in words (sealed).

    actor: the signed-in user. further: they have read the first decision and add theirs.
    Errors: Refused ``not-permitted``, ``own-act`` (403), ``not-found`` (404), ``already-decided``,
    ``decided-by-you`` (409), ``schema`` (422).
    """
    require_reviewer(actor)
    if decision not in DECISIONS:
        raise Refused("schema", _("Choose one of the three decisions."), 422)
    text = note.strip()
    if not text or len(text) > MAX_NOTE:
        raise Refused("schema", _("Write why, in at most 2,000 characters."), 422)
    review = visible_to(actor).select_for_update(of=("self",)).filter(pk=review_id).first()
    if review is None:
        raise nothing_here()
    reviewer = acting_reviewer()
    may_decide(review, reviewer)
    _first(review, further)
    return _write(review, reviewer, decision, text)


def _write(review: Review, reviewer: Reviewer, decision: str, note: str) -> ReviewDecision:
    now = clock.now()
    receipt = record(
        "audit.resolve",
        Ref("entry", str(review.idx), review.agency),
        reason=Reason(decision),
        detail={"note": note, "code": review.code},
        parent=review.uid,
    )
    if review.decided_at is None:
        review.decided_at = now
        review.save(update_fields=["decided_at"])
    return ReviewDecision.objects.create(
        review=review, subject=review.subject, nth=review.decisions.count() + 1, decision=decision,
        reviewer=reviewer.number, reviewer_name=reviewer.name, uid=receipt.uid, at=now,
    )  # fmt: skip
