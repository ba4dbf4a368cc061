"""An owner who takes the consent back by phone, or at the door: whoever hears it records it."""

from django.db import transaction

from accounts.models import User
from csoc.lib.errors import nothing_here
from deployments import policies
from deployments.models import Consent
from deployments.parts.ending import take_back


@transaction.atomic
def withdraw_consent(*, actor: User, consent_id: int) -> None:
    """The owner told us to stop: every deployment standing on it ends in the same transaction."""
    consent = Consent.objects.select_related("agency").filter(pk=consent_id).first()
    if consent is None:
        raise nothing_here()
    policies.may_take_back(actor, consent)
    take_back(consent, actor=actor)
