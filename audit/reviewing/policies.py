"""Who may look at what was raised, and decide on it. The rules that matter stand in the database too."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from audit.context import current_actor
from audit.models import Review
from audit.permissions import in_group
from audit.reviewing import flags
from csoc.lib.errors import Refused

REVIEWERS = ("privacy_officer", "supervisor")


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


def first_or_further(review: Review, further: bool) -> None:
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
