"""What people do with deployments. Each function is one transaction and one audit entry."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

import audit
from accounts.models import Person, User
from csoc.lib import clock, events, realtime
from csoc.lib.errors import nothing_here
from deployments import policies
from deployments.models import Authorisation, Consent, Deployment, Incident, RiskAssessment
from deployments.selectors import locked
from trailers.desired import Standing
from trailers.models import MODULES, Trailer
from trailers.services import set_desired

#: Taken while a number is given, so that two drafts never get the same one.
NUMBER_LOCK = 0x44455000


def _ref(deployment: Deployment) -> audit.Ref:
    return audit.Ref("deployment", deployment.name, deployment.agency.code)


@transaction.atomic
def report_incident(
    *, actor: User, cad: str, kind: str, lat: float, lon: float, reported_at: datetime
) -> Incident:
    """Record the reported incident (CAD number and kind)."""
    policies.may_prepare(actor)
    person = actor.person
    incident = Incident.objects.create(
        agency=person.agency, unit=person.unit, cad=cad, kind=kind, lat=lat, lon=lon,
        reported_at=reported_at, recorded_by=person,
    )  # fmt: skip
    audit.record("incident.report", audit.Ref("incident", cad, person.agency.code))
    return incident


@transaction.atomic
def assess_risk(
    *, actor: User, incident: Incident, factors: dict[str, int], threshold: int, valid_until: datetime
) -> RiskAssessment:
    """Score an incident: the score is the sum of the factors' points."""
    policies.may_prepare(actor)
    policies.same_agency(actor, incident)
    assessment = RiskAssessment.objects.create(
        incident=incident, assessor=actor.person, factors=factors, score=sum(factors.values()),
        threshold=threshold, assessed_at=clock.now(), valid_until=valid_until,
    )  # fmt: skip
    audit.record("risk.assess", audit.Ref("incident", incident.cad, incident.agency.code))
    return assessment


@transaction.atomic
def record_consent(*, actor: User, capacity: str, document_sha256: str, expires_at: datetime) -> Consent:
    """Record the owner's consent by the digest of the signed document."""
    policies.may_prepare(actor)
    consent = Consent.objects.create(
        agency=actor.person.agency, capacity=capacity, document_sha256=document_sha256,
        given_at=clock.now(), expires_at=expires_at, recorded_by=actor.person,
    )  # fmt: skip
    audit.record("consent.give", audit.Ref("consent", str(consent.pk), actor.person.agency.code))
    return consent


@transaction.atomic
def create_deployment(*, actor: User, trailer: Trailer, **content: Any) -> Deployment:
    """Make a draft. ``content`` are the fields an applicant fills in (site, need, term, links)."""
    policies.may_prepare(actor)
    for linked in (trailer, content.get("incident"), content.get("consent")):
        if linked is not None:
            policies.same_agency(actor, linked)
    year = clock.now().year
    with transaction.get_connection().cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBER_LOCK])
    last = Deployment.objects.filter(year=year).aggregate(last=Max("serial"))["last"] or 0
    person = actor.person
    deployment = Deployment.objects.create(
        year=year, serial=last + 1, agency=person.agency, unit=person.unit,
        applicant=person, trailer=trailer, **content,
    )  # fmt: skip
    audit.record("deployment.create", _ref(deployment))
    return deployment


@transaction.atomic
def submit_deployment(*, actor: User, deployment_id: int) -> Deployment:
    """Freeze the content under its hash and ask another person to decide."""
    policies.may_prepare(actor)
    deployment = locked(deployment_id)
    policies.same_agency(actor, deployment)
    policies.complete(deployment, clock.now())
    deployment.content_hash = deployment.hash_content()
    deployment.move(Deployment.State.SUBMITTED)
    deployment.save()
    audit.record("deployment.submit", _ref(deployment))
    return deployment


@transaction.atomic
def authorise_deployment(*, actor: User, deployment_id: int, version: int, content_hash: str) -> Deployment:
    """A supervisor who is not the applicant authorises exactly the content of ``content_hash``."""
    deployment = locked(deployment_id)
    policies.may_decide(actor, deployment, version=version, content_hash=content_hash)
    policies.complete(deployment, clock.now())
    deployment.authorisation = Authorisation.objects.create(
        deployment=deployment, officer=actor.person, applicant=deployment.applicant,
        content_hash=deployment.hash_content(), authorised_at=clock.now(),
    )  # fmt: skip
    deployment.move(Deployment.State.AUTHORISED)
    deployment.save()
    audit.record("deployment.authorise", _ref(deployment))
    return deployment


@transaction.atomic
def refuse_deployment(*, actor: User, deployment_id: int, version: int, content_hash: str) -> Deployment:
    """A supervisor refuses; the deployment ends there."""
    deployment = locked(deployment_id)
    policies.may_decide(actor, deployment, version=version, content_hash=content_hash)
    deployment.move(Deployment.State.REFUSED)
    deployment.save()
    audit.record("deployment.refuse", _ref(deployment))
    return deployment


@transaction.atomic
def activate_deployment(*, actor: User, deployment_id: int) -> Deployment:
    """Switch the justified sensors on: from now on the trailer may report."""
    deployment = locked(deployment_id)
    # One activation at a time for each trailer: the second is told which deployment stands.
    Trailer.objects.select_for_update(no_key=True).get(pk=deployment.trailer_id)
    now = clock.now()
    policies.may_activate(actor, deployment, now)
    deployment.activated_at = now
    deployment.move(Deployment.State.ACTIVE)
    deployment.save()
    set_desired(
        actor=actor,
        trailer=deployment.trailer,
        deployment=Standing(
            deployment.name, deployment.ends_at, deployment.lat, deployment.lon, deployment.heading_deg
        ),
        modules={name: name in deployment.modules for name in MODULES},
    )
    audit.record("deployment.activate", _ref(deployment))
    return deployment


@transaction.atomic
def deactivate_deployment(
    *, actor: policies.Actor, deployment_id: int, reason: str = Deployment.End.NEED_ENDED
) -> Deployment:
    """End it now: no right to report, live views cut, sensors off, one record (H3)."""
    deployment = locked(deployment_id)
    policies.may_end(actor, deployment)
    _end(deployment, person=actor.person if isinstance(actor, User) else None, reason=reason, actor=actor)
    return deployment


@transaction.atomic
def withdraw_consent(*, actor: User, consent_id: int) -> None:
    """The owner takes the consent back: every deployment standing on it ends in the same transaction."""
    consent = (
        Consent.objects.select_for_update(of=("self",)).select_related("agency").filter(pk=consent_id).first()
    )
    policies.may_prepare(actor)
    if consent is None:
        raise nothing_here()
    policies.same_agency(actor, consent)
    if consent.withdrawn_at is not None:
        return
    consent.withdrawn_at = clock.now()
    consent.save(update_fields=["withdrawn_at"])
    standing = consent.deployments.filter(
        state__in=(Deployment.State.ACTIVE, Deployment.State.AUTHORISED)
    ).values_list("pk", flat=True)
    for deployment_id in standing:
        _end(locked(deployment_id), person=actor.person, reason=Deployment.End.CONSENT_WITHDRAWN, actor=actor)
    audit.record("consent.withdraw", audit.Ref("consent", str(consent.pk), consent.agency.code))


def _end(deployment: Deployment, *, person: Person | None, reason: str, actor: policies.Actor) -> None:
    """The one way a deployment ends, with its record and its entry; the caller holds its lock."""
    was_active = deployment.state == Deployment.State.ACTIVE
    deployment.deactivated_at = clock.now()
    deployment.deactivated_by = person
    deployment.deactivation_reason = reason
    deployment.move(Deployment.State.DEACTIVATED)
    deployment.save()
    if was_active:
        set_desired(actor=actor, trailer=deployment.trailer, deployment=None)
    audit.record("deployment.deactivate", _ref(deployment), reason=audit.Reason(reason))
    events.emit("deployment.deactivate", deployment=deployment)
    realtime.push_on_commit("live", {"type": "refresh", "agency": deployment.agency.code})
