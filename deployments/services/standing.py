"""While it stands: switched on, narrowed, reviewed, renewed, ended (H2, H3, H4)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

import audit
from accounts.models import User
from csoc.lib import clock, events, realtime
from csoc.lib.errors import nothing_here
from deployments import policies, sealed
from deployments.models import Contribution, Deployment, Review, Tightening
from deployments.parts.ending import end, ref, take_back, tell_trailer
from deployments.parts.switching import switch_on
from deployments.selectors import locked
from trailers.models import Trailer

#: What a renewal begins with. The risk, and a consent that ends too soon, are given anew.
CARRIED = (
    "incident", "aim", "alternatives", "modules", "hotlist_categories", "justifications", "review_every_days",
    "site", "address", "lat", "lon", "heading_deg", "forbidden_sectors", "sensitive_places",
    "speaker_ceiling_pct", "quiet_from", "quiet_to", "quiet_ceiling_pct", "signage", "notice",
    "retention_class", "consent",
)  # fmt: skip


@transaction.atomic
def activate_deployment(*, actor: User, deployment_id: int) -> Deployment:
    """Switch the justified sensors on: from now on the trailer may report."""
    deployment = locked(deployment_id)
    # One activation at a time for each trailer: the second is told which deployment stands.
    Trailer.objects.select_for_update(no_key=True).get(pk=deployment.trailer_id)
    now = clock.now()
    policies.may_activate(actor, deployment, now)
    switch_on(deployment, actor, now)
    audit.record("deployment.activate", ref(deployment))
    return deployment


@transaction.atomic
def renew_deployment(*, actor: User, deployment_id: int) -> Deployment:
    """Begin the application for the next term of an active deployment: a draft of the same number."""
    before, now = locked(deployment_id), clock.now()
    policies.may_renew(actor, before, now)
    renewal = Deployment(
        year=before.year, serial=before.serial, term=_next_term(before), renews=before, agency=before.agency,
        unit=before.unit, applicant=actor.person, trailer=before.trailer, created_at=now, saved_at=now,
        **{name: getattr(before, name) for name in CARRIED},
    )  # fmt: skip
    renewal.save()
    _carry_writers(before, renewal)
    audit.record("deployment.create", ref(renewal))
    return renewal


def _carry_writers(before: Deployment, renewal: Deployment) -> None:
    """Whoever wrote what is carried over wrote a part of the renewal: they do not authorise it."""
    wrote = set(before.contributions.values_list("person_id", flat=True)) | {before.applicant_id}
    Contribution.objects.bulk_create(
        Contribution(deployment=renewal, person_id=person_id, at=renewal.created_at)
        for person_id in sorted(wrote)
    )


def _next_term(before: Deployment) -> int:
    terms = Deployment.objects.filter(year=before.year, serial=before.serial)
    return int(terms.order_by("-term").values_list("term", flat=True)[0]) + 1


@transaction.atomic
def tighten_deployment(*, actor: User, deployment_id: int, changes: Mapping[str, Any]) -> Deployment:
    """Narrow an active deployment; nobody has to authorise less (H2).

    changes: any of ``modules``, ``hotlist_categories`` (what is left), ``ends_at`` (earlier),
    ``forbidden_sectors`` (more), ``speaker_ceiling_pct``, ``quiet_ceiling_pct`` (lower).
    """
    deployment, now = locked(deployment_id), clock.now()
    policies.may_tighten(actor, deployment, changes, now)
    for field, value in policies.narrowed(deployment, changes).items():
        Tightening.objects.create(
            deployment=deployment, by=actor.person, at=now, field=field,
            before=_plain(getattr(deployment, field)), after=_plain(value),
        )  # fmt: skip
        setattr(deployment, field, value)
    deployment.version += 1
    deployment.save()
    tell_trailer(deployment, actor)
    if "ptz" not in deployment.modules:
        events.emit("deployment.deactivate", deployment=deployment)
    audit.record("deployment.tighten", ref(deployment))
    realtime.push_on_commit("live", {"type": "refresh", "agency": deployment.agency.code})
    return deployment


def _plain(value: Any) -> Any:
    return clock.wire(value) if isinstance(value, datetime) else value


@transaction.atomic
def review_deployment(*, actor: User, deployment_id: int, still_needed: bool, words: str) -> Deployment:
    """Record a look at whether it is still needed. A "no" ends it in the same act."""
    deployment, now = locked(deployment_id), clock.now()
    policies.may_review(actor, deployment, words)
    Review.objects.create(
        deployment=deployment, by=actor.person, at=now, still_needed=still_needed,
        words_sealed=sealed.seal_words(deployment, words.strip()),
    )  # fmt: skip
    deployment.review_due_at = now + timedelta(days=deployment.review_every_days)
    deployment.version += 1
    deployment.save()
    audit.record("deployment.review", ref(deployment))
    if not still_needed:
        end(deployment, person=actor.person, reason=Deployment.End.NEED_ENDED, actor=actor)
    return deployment


@transaction.atomic
def deactivate_deployment(
    *, actor: policies.Actor, deployment_id: int, reason: str = Deployment.End.NEED_ENDED
) -> Deployment:
    """End it now: no right to report, live views cut, sensors off, one record (H3).

    An owner who told us to stop takes the consent back: whatever else stands on it ends as well.
    """
    if reason == Deployment.End.CONSENT_WITHDRAWN and isinstance(actor, User):
        _take_back_consent_of(deployment_id, actor)
        return locked(deployment_id)
    deployment = locked(deployment_id)
    policies.may_end(actor, deployment, reason)
    end(deployment, person=actor.person if isinstance(actor, User) else None, reason=reason, actor=actor)
    return deployment


def _take_back_consent_of(deployment_id: int, actor: User) -> None:
    """Ask before the locks: ``take_back`` takes them, for all that stands on the consent, in their order."""
    found = Deployment.objects.select_related("consent__agency", "agency").filter(pk=deployment_id).first()
    if found is None or found.consent is None:
        raise nothing_here()
    policies.may_end(actor, found)
    take_back(found.consent, actor=actor)


@transaction.atomic
def end_moved(*, actor: policies.Actor, trailer: Trailer) -> None:
    """End what the trailer stood under: it is no longer where the owner consented (H4)."""
    standing = Deployment.objects.filter(trailer=trailer, state=Deployment.State.ACTIVE).values_list(
        "pk", flat=True
    )
    for deployment_id in standing:
        deployment = locked(deployment_id)
        policies.may_end(actor, deployment)
        end(deployment, person=None, reason=Deployment.End.FAULT, actor=actor)
