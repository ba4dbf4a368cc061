"""The one act there is: to decide, with a note that is sealed.

Nobody judges their own act, the first decision stands, and nobody decides twice on the same item: the
database holds to it as well.
"""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audit.entry import Reason, Ref
from audit.models import Review, ReviewDecision
from audit.models.reviews import DECISIONS
from audit.record import record
from audit.reviewing import policies
from audit.reviewing.policies import Reviewer
from audit.reviewing.selectors import visible_to
from csoc.lib import clock
from csoc.lib.errors import Refused, nothing_here
from csoc.lib.seen import is_readable

MAX_NOTE = 2_000


@transaction.atomic
def decide(*, actor: Any, review_id: int, decision: str, note: str, further: bool = False) -> ReviewDecision:
    """Decide: ``in-order``, ``needs-explanation`` or ``not-justified``, with a note in words (sealed).

    actor: the signed-in user. further: they have read the first decision and add theirs.
    Errors: Refused ``not-permitted``, ``own-act`` (403), ``not-found`` (404), ``already-decided``,
    ``decided-by-you`` (409), ``schema`` (422).
    """
    policies.require_reviewer(actor)
    if decision not in DECISIONS:
        raise Refused("schema", _("Choose one of the three decisions."), 422)
    text = note.strip()
    if not text or len(text) > MAX_NOTE:
        raise Refused("schema", _("Write why, in at most 2,000 characters."), 422)
    if not is_readable(text):
        raise Refused("schema", _("Write why in words that can be read, without control characters."), 422)
    review = visible_to(actor).select_for_update(of=("self",)).filter(pk=review_id).first()
    if review is None:
        raise nothing_here()
    reviewer = policies.acting_reviewer()
    policies.may_decide(review, reviewer)
    policies.first_or_further(review, further)
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
    made = ReviewDecision.objects.create(
        review=review, subject=review.subject, nth=review.decisions.count() + 1, decision=decision,
        reviewer=reviewer.number, reviewer_name=reviewer.name, uid=receipt.uid, at=now,
    )  # fmt: skip
    # After the decision: the database closes nothing without one.
    if review.decided_at is None:
        review.decided_at = now
        review.save(update_fields=["decided_at"])
    return made
