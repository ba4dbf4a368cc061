"""The applicant asks the property's owner by a private link, and may take the question back."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

import audit
from accounts.models import User
from csoc.lib import clock
from deployments.models import ConsentRequest, Contribution, OwnerMail
from deployments.owner import links, outbox, texts
from deployments.parts.asked import end_link, end_link_and_tell
from deployments.parts.ending import ref
from deployments.policies import asking as policy
from deployments.selectors import links as selectors
from deployments.selectors import locked
from vault import records


@transaction.atomic
def request_consent(
    *, actor: User, deployment_id: int, capacity: str, owner_name: str, owner_email: str, language: str
) -> ConsentRequest:
    """Send the owner a private link about exactly what the draft asks now; a newer link ends the older.

    The link's secret is in the mail alone, which waits sealed until it is sent.
    Errors: Refused ``scope-missing``, ``term-over``, ``owner-mail``, ``slow-down`` (429), as ``may_edit``.
    """
    deployment, now = locked(deployment_id), clock.now()
    policy.may_ask(
        actor, deployment, capacity=capacity, name=owner_name, email=owner_email, language=language, now=now
    )
    assert deployment.lat is not None and deployment.lon is not None and deployment.ends_at is not None
    older = selectors.open_link_locked(deployment)
    if older is not None:
        end_link(older)
    token, record = links.new_token(), records.new()
    owner = {"name": owner_name.strip(), "email": owner_email}
    request = ConsentRequest.objects.create(
        deployment=deployment, capacity=capacity, language=language, record=record,
        details_sealed=records.seal_json(record, "details", owner), token_sha256=links.digest_of(token),
        modules=deployment.modules, site=deployment.site, address=deployment.address, lat=deployment.lat,
        lon=deployment.lon, until=deployment.ends_at, made_by=actor.person, made_at=now,
        expires_at=now + timedelta(hours=settings.OWNER_LINK_H),
    )  # fmt: skip
    told = texts.of(language)
    outbox.put(
        request, OwnerMail.Kind.LINK, to=owner_email, texts=told, key="link", url=links.url_of(token),
        agency=deployment.agency.name, until=told.stamp(request.expires_at),
    )  # fmt: skip
    # Whoever chose what the owner was asked wrote a part of it, and does not authorise it.
    Contribution.objects.get_or_create(deployment=deployment, person=actor.person, defaults={"at": now})
    audit.record("consent.request", ref(deployment))
    return request


@transaction.atomic
def end_request(*, actor: User, deployment_id: int) -> ConsentRequest:
    """Take the open question back. Errors: Refused ``no-link`` (409)."""
    deployment = locked(deployment_id)
    request = selectors.open_link_locked(deployment)
    policy.may_end_link(actor, deployment, request)
    assert request is not None
    end_link_and_tell(request)
    audit.record("consent.end_link", ref(deployment))
    return request
