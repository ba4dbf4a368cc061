"""The authorising officer's part (H1, H2): a decision on exactly what was read, by another person."""

from datetime import datetime

from django.db import transaction

import audit
from accounts.models import User
from csoc.lib import clock
from deployments import policies, sealed
from deployments.models import Authorisation, Decision, Deployment
from deployments.parts.asked import end_open_link
from deployments.parts.ending import ref
from deployments.parts.switching import take_over
from deployments.selectors import locked
from trailers.models import Trailer


@transaction.atomic
def authorise_deployment(
    *, actor: User, deployment_id: int, version: int, content_hash: str, words: str
) -> Deployment:
    """Authorise exactly the content of ``content_hash``; ``words``: why. A renewal takes over at once."""
    deployment = locked(deployment_id)
    # Two applications for one trailer are judged one after the other: the second is told of the first.
    Trailer.objects.select_for_update(no_key=True).get(pk=deployment.trailer_id)
    now = clock.now()
    policies.may_decide(actor, deployment, version=version, content_hash=content_hash, words=words)
    policies.complete(deployment, now)
    policies.hash_still_true(deployment)
    policies.trailer_free(deployment)
    _decide(deployment, actor, Decision.Verdict.AUTHORISE, words, now)
    deployment.authorisation = Authorisation.objects.create(
        deployment=deployment, officer=actor.person, applicant=deployment.applicant,
        content_hash=deployment.content_hash, authorised_at=now,
    )  # fmt: skip
    if deployment.renews is None:
        deployment.move(Deployment.State.AUTHORISED)
        deployment.save()
    else:
        take_over(deployment, actor, now)
    audit.record("deployment.authorise", ref(deployment))
    return deployment


@transaction.atomic
def refuse_deployment(
    *, actor: User, deployment_id: int, version: int, content_hash: str, words: str
) -> Deployment:
    """Refuse; the application ends there."""
    deployment = locked(deployment_id)
    policies.may_decide(actor, deployment, version=version, content_hash=content_hash, words=words)
    _decide(deployment, actor, Decision.Verdict.REFUSE, words, clock.now())
    deployment.move(Deployment.State.REFUSED)
    deployment.save()
    end_open_link(deployment)
    audit.record("deployment.refuse", ref(deployment))
    return deployment


@transaction.atomic
def return_deployment(
    *, actor: User, deployment_id: int, version: int, content_hash: str, words: str
) -> Deployment:
    """Return it with questions: the applicant may edit and send it again."""
    deployment = locked(deployment_id)
    policies.may_decide(actor, deployment, version=version, content_hash=content_hash, words=words)
    _decide(deployment, actor, Decision.Verdict.RETURN, words, clock.now())
    deployment.move(Deployment.State.RETURNED)
    deployment.save()
    audit.record("deployment.return", ref(deployment))
    return deployment


def _decide(deployment: Deployment, actor: User, verdict: str, words: str, now: datetime) -> None:
    why = sealed.seal_words(deployment, words.strip())
    Decision.objects.create(
        deployment=deployment, officer=actor.person, verdict=verdict, version=deployment.version,
        content_hash=deployment.content_hash, words_sealed=why, at=now,
    )  # fmt: skip
