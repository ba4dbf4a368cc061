"""The press of a person that ends a deployment, whatever the reason they give."""

from django.db import transaction

from accounts.models import User
from deployments.models import Deployment
from deployments.selectors import locked
from deployments.services.consenting import withdraw_consent
from deployments.services.standing import deactivate_deployment

#: What a person may say; the other ends are the console's own.
REASONS = (
    Deployment.End.NEED_ENDED,
    Deployment.End.CONSENT_WITHDRAWN,
    Deployment.End.FAULT,
    Deployment.End.REVOKED,
)


@transaction.atomic
def stop_deployment(*, actor: User, deployment_id: int, reason: str) -> Deployment:
    """End it. An owner who told us to stop takes the consent back: whatever stands on it ends as well."""
    found = locked(deployment_id)
    if reason == Deployment.End.CONSENT_WITHDRAWN and found.consent_id is not None:
        withdraw_consent(actor=actor, consent_id=found.consent_id)
        return locked(deployment_id)
    return deactivate_deployment(actor=actor, deployment_id=deployment_id, reason=reason)
