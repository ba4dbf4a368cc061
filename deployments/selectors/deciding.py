"""What an officer needs to decide: what was sent, what it was before, the six conditions, and who may."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Person, Role, User
from accounts.selectors import has_role
from deployments import sealed
from deployments.models import MAX_TERM, Decision, Deployment, Submission
from deployments.policies.standing import is_own
from deployments.selectors import as_read
from deployments.selectors.grants import has_grant
from vault import Gone, records


@dataclass(frozen=True)
class Condition:
    """One of the six, and whether it holds now."""

    holds: bool
    words: str


@dataclass(frozen=True)
class Before:
    """The version that this one is compared with, and what became of it."""

    content: dict[str, Any]
    words: str


def submission(deployment: Deployment, version: int | None = None) -> Submission | None:
    """Return the newest submission, or the one of ``version``."""
    found = Submission.objects.filter(deployment=deployment)
    if version is not None:
        found = found.filter(version=version)
    return found.order_by("-version").first()


def before(deployment: Deployment, sent: Submission) -> Before | None:
    """Return what this submission is compared with: the one before, or the term that it renews."""
    older = Submission.objects.filter(deployment=deployment, version__lt=sent.version).order_by("-version")
    found = older.first()
    if found is None:
        return _term_before(deployment)
    verdict = deployment.decisions.filter(version=found.version).select_related("officer").first()
    if verdict is None:
        told = _("since version %d, which was taken back") % found.version
    else:
        told = _("since version %(version)d, which %(name)s returned on %(day)s") % {
            "version": found.version, "name": verdict.officer.name, "day": day(verdict.at),
        }  # fmt: skip
    return Before(found.content, told)


def _term_before(deployment: Deployment) -> Before | None:
    if deployment.renews is None:
        return None
    # As it stands, not as it was sent: what was narrowed since and is asked for again is a difference.
    return Before(deployment.renews.content(), _("since term %d, which it renews") % deployment.renews.term)


def conditions(user: User, deployment: Deployment, moment: datetime) -> list[Condition]:
    """Return the six of H1, each judged by itself so that a reader sees which one fails."""
    risk, consent = deployment.risk, deployment.consent
    scored = risk is not None and risk.meets_threshold_at(moment)
    needed = bool(deployment.aim.strip() and deployment.alternatives.strip() and deployment.modules)
    own = is_own(user, deployment)
    return [
        Condition(deployment.incident_id is not None, _("Incident linked")),
        Condition(scored, _risk_words(deployment)),
        Condition(needed, _("Need and alternatives recorded")),
        Condition(consent is not None and consent.holds_at(moment), _consent_words(deployment, moment)),
        Condition(not own, _("You wrote a part of it") if own else _("You are not the applicant")),
        Condition(_ends_in_time(deployment, moment), _("Ends within 14 days")),
    ]


def _risk_words(deployment: Deployment) -> str:
    risk = deployment.risk
    if risk is None:
        return _("Risk not assessed")
    return _("Risk %(score)d, needs %(threshold)d") % {"score": risk.score, "threshold": risk.threshold}


def _consent_words(deployment: Deployment, moment: datetime) -> str:
    consent = deployment.consent
    if consent is None:
        return _("No consent")
    if consent.withdrawn_at is not None:
        return _("Consent withdrawn on %s") % day(consent.withdrawn_at)
    if consent.expires_at <= moment:
        return _("Consent ended on %s") % day(consent.expires_at)
    return _("Consent valid to %s") % day(consent.expires_at)


def _ends_in_time(deployment: Deployment, moment: datetime) -> bool:
    start, end = deployment.starts_at, deployment.ends_at
    return start is not None and end is not None and end > moment and end - start <= MAX_TERM


def officers(deployment: Deployment) -> list[str]:
    """Return the names of those who may decide: supervisors of the agency who wrote none of it."""
    wrote = deployment.contributions.values("person_id")
    may = Person.objects.filter(
        agency=deployment.agency, active=True, users__is_active=True, users__groups__name=Role.SUPERVISOR
    )
    others = may.exclude(pk=deployment.applicant_id).exclude(pk__in=wrote)
    return list(others.order_by("name").distinct().values_list("name", flat=True))


def decision(deployment: Deployment) -> tuple[Decision, str | None] | None:
    """Return the newest decision with its reason; the reason is None once its time has come."""
    found = deployment.decisions.select_related("officer").order_by("-at", "-pk").first()
    return None if found is None else (found, sealed.open_words(deployment, bytes(found.words_sealed)))


def owner_name(deployment: Deployment, reader: User) -> str | None:
    """Return who consented, for supervisors and those who write it; None for others, and once destroyed."""
    consent = deployment.consent
    if consent is None or consent.record is None or consent.details_sealed is None:
        return None
    writes = deployment.applicant_id == reader.person_id or has_grant(reader, deployment, "change")
    if not writes and not has_role(reader, Role.SUPERVISOR):
        return None
    try:
        return str(records.unseal_json(consent.record, "details", bytes(consent.details_sealed))["name"])
    except Gone:
        return None


def difference(deployment: Deployment, version: int) -> list[as_read.Section]:
    """Return the sections that are no longer as they were read in ``version``."""
    read = submission(deployment, version)
    if read is None:
        return []
    return [part for part in as_read.read(deployment.content(), read.content) if part.changed]


def changes(sections: list[as_read.Section]) -> str:
    """Say how many sections changed."""
    n = sum(section.changed for section in sections)
    return ngettext("%d part changed", "%d parts changed", n) % n


def day(at: datetime) -> str:
    """Return a day as people here read it."""
    return formats.date_format(at.astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE)), "j F")


def refusal(user: User, deployment: Deployment) -> str:
    """Return why this person does not decide it, "" when they may."""
    from accounts.selectors import roles_of

    may = officers(deployment)
    if is_own(user, deployment):
        why = _("You wrote a part of this, so another person decides.")
    elif Role.SUPERVISOR not in roles_of(user):
        why = _("A supervisor decides.")
    else:
        return ""
    return f"{why} {_('May decide: %s.') % ', '.join(may)}" if may else f"{why} {_('Nobody may at present.')}"
