"""The applicant's part: a draft, its sections, what was typed meanwhile, sending it, taking it back."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max

import audit
from accounts.models import User
from csoc.lib import clock
from csoc.lib.errors import Misuse
from deployments import policies, sealed
from deployments.models import Contribution, Deployment, Submission
from deployments.parts.applying import APPLY, VERB, stamp
from deployments.parts.ending import end, ref
from deployments.selectors import SECTIONS, locked
from trailers.models import Trailer

#: Taken while a number is given, so that two drafts never get the same one.
NUMBER_LOCK = 0x44455000


@transaction.atomic
def create_deployment(*, actor: User, trailer: Trailer, site: str = "", address: str = "") -> Deployment:
    """Make a draft for ``trailer``; its number is the next of this year."""
    policies.may_prepare(actor)
    policies.same_agency(actor, trailer)
    year, person = clock.now().year, actor.person
    with transaction.get_connection().cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBER_LOCK])
    last = Deployment.objects.filter(year=year).aggregate(last=Max("serial"))["last"] or 0
    deployment = Deployment.objects.create(
        year=year, serial=last + 1, agency=person.agency, unit=person.unit, applicant=person, trailer=trailer,
        site=site, address=address, heading_deg=trailer.heading_deg, created_at=clock.now(),
    )  # fmt: skip
    audit.record("deployment.create", ref(deployment))
    return deployment


@transaction.atomic
def edit_sections(
    *,
    actor: User,
    deployment_id: int,
    sections: Mapping[str, Mapping[str, Any]],
    bases: Mapping[str, str] | None = None,
    version: int | None = None,
) -> Deployment:
    """Save one section or several of a draft, all or none.

    bases: the digests of the sections as they were loaded (a page); version: of the row (the API). One of
    the two is required: nobody writes over what they have not seen. Errors: Refused ``stale-version`` (409).
    """
    if (bases is None) == (version is None) or not sections or not set(sections) <= set(SECTIONS):
        raise Misuse("edit_sections needs known sections, and either what they were or a version")
    deployment, now = locked(deployment_id), clock.now()
    policies.may_edit(actor, deployment)
    policies.unchanged_since(deployment, bases, version)
    # Later sections stand on earlier ones: the risk is scored for the incident.
    for name in (name for name in SECTIONS if name in sections):
        APPLY[name](deployment, actor, sections[name], now)
    answers = sealed.read_answers(deployment)
    sealed.write_answers(deployment, {key: typed for key, typed in answers.items() if key not in sections})
    stamp(deployment)
    _keep(deployment, actor)
    verb = VERB[next(iter(sections))] if len(sections) == 1 else "deployment.update"
    audit.record(verb, ref(deployment))
    return deployment


@transaction.atomic
def keep_answers(
    *, actor: User, deployment_id: int, section: str, typed: Mapping[str, Any], base: str
) -> Deployment:
    """Keep what was typed and is not saved yet, sealed: a reload, or another machine, loses nothing.

    Errors: Refused ``stale-version`` when the section was saved elsewhere since it was loaded.
    """
    deployment = locked(deployment_id)
    policies.may_edit(actor, deployment)
    policies.unchanged_since(deployment, {section: base}, None)
    answers = sealed.read_answers(deployment)
    sealed.write_answers(deployment, {**answers, section: policies.typed_text(typed)})
    # Nothing of the content changed: a version is what somebody saved.
    deployment.saved_at = clock.now()
    _keep(deployment, actor)
    audit.record("deployment.draft", ref(deployment))
    return deployment


def _keep(deployment: Deployment, actor: User) -> None:
    deployment.save()
    Contribution.objects.get_or_create(
        deployment=deployment, person=actor.person, defaults={"at": clock.now()}
    )


@transaction.atomic
def submit_deployment(*, actor: User, deployment_id: int, version: int) -> Deployment:
    """Freeze the content under its hash and ask another person to decide."""
    deployment, now = locked(deployment_id), clock.now()
    policies.may_submit(actor, deployment, version=version, moment=now)
    deployment.content_hash = deployment.hash_content()
    deployment.submitted_at = now
    sealed.write_answers(deployment, {})
    deployment.move(Deployment.State.SUBMITTED)
    deployment.save()
    Submission.objects.create(
        deployment=deployment, version=deployment.version, content=deployment.content(),
        content_hash=deployment.content_hash, by=actor.person, at=now,
    )  # fmt: skip
    audit.record("deployment.submit", ref(deployment))
    return deployment


@transaction.atomic
def reopen_deployment(*, actor: User, deployment_id: int, version: int) -> Deployment:
    """Take a submitted or authorised application back to edit it: an authorisation is void with that (H2)."""
    deployment = locked(deployment_id)
    policies.may_reopen(actor, deployment, version=version)
    deployment.authorisation = None
    deployment.move(Deployment.State.RETURNED)
    deployment.save()
    audit.record("deployment.reopen", ref(deployment))
    return deployment


@transaction.atomic
def withdraw_application(*, actor: User, deployment_id: int, version: int) -> Deployment:
    """Give an application up before anything stood; it stays as a record."""
    deployment = locked(deployment_id)
    policies.may_withdraw(actor, deployment, version=version)
    end(deployment, person=actor.person, reason=Deployment.End.WITHDRAWN, actor=actor)
    return deployment
