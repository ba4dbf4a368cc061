"""How long a number has stood without a gap, over its renewals."""

from datetime import datetime

from deployments.models import Deployment


def standing_since(deployment: Deployment) -> datetime:
    """Return when its sensors went on; a term that took over goes on from the one before it."""
    first = deployment
    while first.renews_id is not None:
        before = Deployment.objects.get(pk=first.renews_id)
        if before.deactivation_reason != Deployment.End.RENEWED or before.activated_at is None:
            break
        first = before
    assert first.activated_at is not None
    return first.activated_at


def same_number(one: Deployment, other: Deployment) -> bool:
    """Whether two rows are terms of one number."""
    return (one.year, one.serial) == (other.year, other.serial)
