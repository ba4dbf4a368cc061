"""The owner's consent as staff record it: a signed paper, and an owner who takes it back by phone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

import audit
from accounts.models import User
from csoc.lib import clock
from csoc.lib.errors import nothing_here
from deployments import documents, policies
from deployments.models import Consent, Deployment
from deployments.selectors import lock_standing_on, locked
from deployments.services.ending import end
from vault import records


def give_by_document(
    deployment: Deployment, actor: User, values: Mapping[str, Any], now: datetime
) -> Consent:
    """Write down the consent of a signed paper for what the draft asks; part of ``edit_sections``.

    values: ``capacity, owner_name, owner_email, conditions, expires_at, document`` (``documents.Document``).
    """
    policies.scope_known(deployment)
    record = records.new()
    details = {"name": values["owner_name"], "email": values.get("owner_email", "")}
    document = values["document"]
    return Consent.objects.create(
        agency=deployment.agency, capacity=values["capacity"], method=Consent.Method.DOCUMENT,
        document_sha256=document.sha256, document_name=documents.store(document, record),
        document_type=document.media_type, modules=deployment.modules, lat=deployment.lat, lon=deployment.lon,
        conditions=values.get("conditions", ""), record=record,
        details_sealed=records.seal_json(record, "details", details), given_at=now,
        expires_at=values["expires_at"], recorded_by=actor.person,
    )  # fmt: skip


@transaction.atomic
def withdraw_consent(*, actor: User, consent_id: int) -> None:
    """The owner told us to stop: every deployment standing on it ends in the same transaction."""
    consent = Consent.objects.select_related("agency").filter(pk=consent_id).first()
    if consent is None:
        raise nothing_here()
    policies.may_take_back(actor, consent)
    take_back(consent, actor=actor)


def take_back(consent: Consent, *, actor: Any) -> None:
    """Withdraw a consent, once, and end what stands on it (H3); part of the caller's act.

    Deployments are locked before the consent, as an authorisation does: no ring of waits, and no
    authorisation or activation in between that would not be ended here.
    """
    standing = lock_standing_on(consent)
    consent = Consent.objects.select_for_update(of=("self",)).select_related("agency").get(pk=consent.pk)
    if consent.withdrawn_at is not None:
        return
    person = actor.person if isinstance(actor, User) else None
    consent.withdrawn_at, consent.withdrawn_by = clock.now(), person
    consent.save(update_fields=["withdrawn_at", "withdrawn_by"])
    for deployment_id in standing:
        end(locked(deployment_id), person=person, reason=Deployment.End.CONSENT_WITHDRAWN, actor=actor)
    audit.record("consent.withdraw", audit.Ref("consent", str(consent.pk), consent.agency.code))
