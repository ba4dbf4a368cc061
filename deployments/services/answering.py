"""What the property's owner does with the private link: open it, agree or not, and withdraw at any time.

The owner is no user of the console: who acts is ``audit.Actor("owner", "own-<link>")``, which the door makes
from the link's secret. Where an answer meets something else, the row lock decides, and the first one wins.
"""

from datetime import datetime

from django.db import transaction
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

import audit
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import documents
from deployments.models import Consent, ConsentRequest, Deployment, OwnerCode, OwnerMail
from deployments.owner import agreement, links, outbox, texts
from deployments.parts.applying import stamp
from deployments.parts.ending import ref, take_back
from deployments.policies import asking as policy
from deployments.selectors import links as selectors
from deployments.selectors import locked
from vault import records

#: One for the yes, one for the withdrawal.
MOST_RECEIPTS = 2


@transaction.atomic
def send_code(*, actor: audit.Actor, request_id: int, token: str, language: str) -> None:
    """Somebody has opened the link: send six digits to the address that the link went to.

    Errors: Refused ``code-often`` (429), ``link-expired``, ``link-replaced``, ``link-ended`` (410).
    """
    request, now = selectors.locked_link(request_id), clock.now()
    policy.may_send_code(request, now)
    if request.opened_at is None:
        request.opened_at = now
        request.save(update_fields=["opened_at"])
    code = links.new_code()
    OwnerCode.objects.create(
        request=request, code_hmac=links.code_hmac(token, code), made_at=now, expires_at=now + links.CODE_LIFE
    )
    # A code that waits to be sent is good for nothing any more.
    outbox.drop(request, "newer", (OwnerMail.Kind.CODE,))
    to = selectors.details(request)["email"]
    outbox.put(request, OwnerMail.Kind.CODE, to=to, texts=texts.of(language), key="code", code=code)
    audit.record("consent.code", selectors.link_ref(request))


def check_code(*, actor: audit.Actor, request_id: int, token: str, code: str) -> None:
    """Spend the newest code. Each try counts, also the one that is refused.

    Errors: Refused ``code-wrong`` (403, with ``left``), ``code-over`` (403), as ``send_code``.
    """
    left = _try(request_id, token, code)
    if left is not None:
        sentence = _("That is not the code. Tries left: %(left)d.") % {"left": left}
        raise Refused("code-wrong", sentence, 403, left=left)


@transaction.atomic
def _try(request_id: int, token: str, code: str) -> int | None:
    """Return None for the right code, else the tries that are left: these are kept, so nothing is raised."""
    request, now = selectors.locked_link(request_id), clock.now()
    policy.alive(request, now)
    found = policy.code_usable(selectors.newest_code(request), now)
    found.tries += 1
    right = links.is_code(token, code, found.code_hmac)
    if right:
        found.used_at = now
        audit.record("consent.open", selectors.link_ref(request))
    found.save(update_fields=["tries", "used_at"])
    return None if right else links.MOST_TRIES - found.tries


@transaction.atomic
def give_consent(*, actor: audit.Actor, request_id: int, conditions: str, language: str) -> Consent:
    """Agree to what the link asks, in the words of the page, which are kept sealed as they were read.

    The draft rests on it from now on if it still asks no more; otherwise the consent stands as a record.
    Errors: Refused ``link-answered`` (409), ``link-expired``, ``link-replaced``, ``link-ended`` (410),
    ``term-over`` (409), ``conditions-long`` (422).
    """
    deployment, request, now = _for_answer(request_id)
    policy.conditions_fit(conditions)
    consent = _written_down(deployment, request, conditions.strip(), language, now)
    request.answer, request.answered_at, request.consent = ConsentRequest.Answer.GIVEN, now, consent
    request.save(update_fields=["answer", "answered_at", "consent"])
    if policy.still_asks_this(deployment, request):
        deployment.consent = consent
        stamp(deployment)
        deployment.save()
    _tell_owner(request, language, "given", until=texts.of(language).moment(request.until), now=now)
    audit.record("consent.give", ref(deployment))
    return consent


@transaction.atomic
def decline_consent(*, actor: audit.Actor, request_id: int) -> None:
    """Say no. Errors: Refused, as ``give_consent``."""
    deployment, request, now = _for_answer(request_id)
    request.answer, request.answered_at = ConsentRequest.Answer.DECLINED, now
    request.save(update_fields=["answer", "answered_at"])
    audit.record("consent.decline", ref(deployment))
    # Whatever paper was handed in before: the owner says no.
    if deployment.consent is not None and deployment.state in ("authorised", "active"):
        take_back(deployment.consent, actor=actor)


@transaction.atomic
def withdraw_by_owner(*, actor: audit.Actor, request_id: int, language: str) -> None:
    """Take the consent back: everything that stands on it ends in this transaction, approved by nobody.

    Harmless when repeated. Errors: Refused ``nothing-given`` (409).
    """
    found = ConsentRequest.objects.select_related("consent__agency", "deployment__agency").get(pk=request_id)
    if found.consent is None:
        raise Refused("nothing-given", _("There is no consent to withdraw."), 409)
    take_back(found.consent, actor=actor)
    # The consent's row is locked since: whoever pressed at the same moment finds this receipt written.
    found.consent.refresh_from_db(fields=["withdrawn_at"])
    assert found.consent.withdrawn_at is not None
    if found.mails.filter(kind=OwnerMail.Kind.RECEIPT).count() < MOST_RECEIPTS:
        _tell_owner(found, language, "withdrawn", now=found.consent.withdrawn_at)


def _for_answer(request_id: int) -> tuple[Deployment, ConsentRequest, datetime]:
    """Lock the deployment and then its link, and judge after that; a newer link waits for the same rows."""
    owner_of = ConsentRequest.objects.values_list("deployment_id", flat=True).get(pk=request_id)
    deployment = locked(owner_of)
    request, now = selectors.locked_link(request_id), clock.now()
    policy.may_answer(request, now)
    return deployment, request, now


def _written_down(
    deployment: Deployment, request: ConsentRequest, conditions: str, language: str, now: datetime
) -> Consent:
    """Make the record: its document is the page of what was agreed to, byte by byte."""
    owner = selectors.details(request)
    told = texts.of(language)
    page = render_to_string(
        "owner/agreement.html", agreement.facts(request, owner["name"], told, conditions, now)
    ).encode()
    document = agreement.as_document(page)
    return Consent.objects.create(
        agency=deployment.agency, capacity=request.capacity, method=Consent.Method.LINK,
        document_sha256=document.sha256, document_name=documents.store(document, request.record),
        document_type=document.media_type, modules=request.modules, lat=request.lat, lon=request.lon,
        language=language, text_version=told.version, conditions=conditions, record=request.record,
        details_sealed=records.seal_json(request.record, "details", owner), given_at=now,
        expires_at=request.until,
    )  # fmt: skip


def _tell_owner(request: ConsentRequest, language: str, key: str, *, now: datetime, **values: object) -> None:
    told, to = texts.of(language), selectors.details(request)["email"]
    if to:
        moment = told.moment(now)
        outbox.put(request, OwnerMail.Kind.RECEIPT, to=to, texts=told, key=key, moment=moment, **values)
