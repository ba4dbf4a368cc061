"""What has to be there, and be true, before anybody is asked to authorise it (H1)."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from csoc.lib import canonical
from csoc.lib.errors import Refused
from deployments.models import (
    HIGHEST_LEVEL,
    MAX_TERM,
    Consent,
    Deployment,
    RiskAssessment,
    RiskMatrix,
    Submission,
)
from deployments.selectors.places import in_service_area
from deployments.selectors.sections import section_digest
from deployments.times import stamp
from trailers.fence import metres
from trailers.models import CAPABILITIES, MODULES, Trailer
from trailers.selectors import GEOFENCE_M
from vault import classes

#: The categories of the authorised hotlist (trailer-api.md).
CATEGORIES = (
    "stolen_vehicle", "stolen_plate", "wanted_vehicle", "amber_alert", "missing_person_vehicle",
    "firearm_investigation", "extortion_investigation", "other_authorised",
)  # fmt: skip
MAX_TYPED = 40_000


def same_version(deployment: Deployment, version: int) -> None:
    """The act is on the version that the person saw."""
    if version != deployment.version:
        raise Refused(
            "stale-version", _("It was changed meanwhile, in another tab or by somebody else. Look again."),
            409,
            version=deployment.version,
        )  # fmt: skip


def unchanged_since(deployment: Deployment, bases: Mapping[str, str] | None, version: int | None) -> None:
    """What is about to be replaced is what the person saw, or they are told and nothing is lost."""
    if version is not None:
        same_version(deployment, version)
    changed = [name for name, base in (bases or {}).items() if section_digest(deployment, name) != base]
    if changed:
        raise Refused(
            "stale-version",
            _("This part was saved in another tab after you opened it here. Both texts are still there."),
            409, version=deployment.version, sections=changed,
        )  # fmt: skip


def typed_text(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return typed answers as texts or lists of texts. Errors: Refused ``too-large`` (413)."""
    kept = {
        str(key): [str(one) for one in value] if isinstance(value, list | tuple) else str(value)
        for key, value in typed.items()
    }
    if sum(len(key) + len(str(value)) for key, value in kept.items()) > MAX_TYPED:
        raise Refused("too-large", _("That is too much text to keep. Shorten it."), 413)
    return kept


def complete(deployment: Deployment, moment: datetime) -> None:
    """H1: what a deployment needs before anybody is asked to authorise it."""
    if deployment.incident is None:
        raise Refused("incident-missing", _("Link the reported incident first."), 422)
    risk = deployment.risk
    if risk is None or risk.incident_id != deployment.incident_id:
        raise Refused("below-threshold", _("Assess the risk of this incident first."), 422)
    require_threshold(risk, moment)
    _need(deployment, moment)
    if deployment.lat is None or deployment.lon is None or not deployment.site.strip():
        raise Refused("place-missing", _("Say where the trailer is to stand."), 422)
    in_area(deployment.agency_id, deployment.lat, deployment.lon)
    _privacy(deployment)
    covered(deployment, moment)


def _need(deployment: Deployment, moment: datetime) -> None:
    if not (deployment.aim.strip() and deployment.alternatives.strip() and deployment.modules):
        raise Refused(
            "need-missing",
            _("Record the operational need, the less intrusive alternatives and the sensors it justifies."),
            422,
        )
    missing = set(deployment.modules) | {f"list:{name}" for name in deployment.hotlist_categories}
    if missing - deployment.justifications.keys():
        raise Refused("need-missing", _("Every sensor and list that is on needs its justification."), 422)
    if deployment.starts_at is None or deployment.ends_at is None:
        raise Refused("term-missing", _("Give the start and the end."), 422)
    if deployment.ends_at <= moment:
        raise Refused("term-over", _("The end date has passed. Give a later one."), 422)


def _privacy(deployment: Deployment) -> None:
    if not (deployment.signage.strip() and deployment.notice.strip() and deployment.retention_class):
        raise Refused(
            "privacy-missing", _("Complete the privacy check: signs, notice and the retention class."), 422
        )
    usable_class(deployment.retention_class)


def require_threshold(risk: RiskAssessment, moment: datetime) -> None:
    """Below the threshold the flow stops and says why."""
    if risk.score < risk.threshold:
        raise Refused(
            "below-threshold",
            _("The risk scores %(score)d; a deployment needs %(threshold)d. Nobody can override this.")
            % {"score": risk.score, "threshold": risk.threshold},
            422,
        )
    if not risk.meets_threshold_at(moment):
        raise Refused("below-threshold", _("The risk assessment is no longer current. Assess it again."), 422)


def covered(deployment: Deployment, moment: datetime) -> None:
    """The owner's consent holds, and covers this place, these sensors and this long."""
    consent = deployment.consent
    if consent is None or not consent.holds_at(moment):
        raise Refused("consent-missing", _("A valid consent of the property owner is missing."), 422)
    if deployment.consent_requests.filter(answer="declined", answered_at__gte=consent.given_at).exists():
        raise Refused("consent-missing", _("The owner has said no by the private link since."), 422)
    extra = set(deployment.modules) - set(consent.modules)
    if extra or not _same_place(consent, deployment):
        raise Refused(
            "consent-missing", _("The owner consented to something else. Ask for what is asked now."),
            422, sensors=sorted(extra),
        )  # fmt: skip
    if deployment.ends_at is None or deployment.ends_at > consent.expires_at:
        raise Refused(
            "consent-missing",
            _("The consent ends before the deployment would. Shorten it, or ask again."),
            422,
        )


def _same_place(consent: Consent, deployment: Deployment) -> bool:
    if None in (consent.lat, consent.lon, deployment.lat, deployment.lon):
        return False
    return same_place(consent.lat, consent.lon, deployment.lat, deployment.lon)  # type: ignore[arg-type]


def same_place(lat: float, lon: float, other_lat: float, other_lon: float) -> bool:
    """Whether two points are one place: a consent reaches as far as the trailer may stray (H4)."""
    return metres(lat, lon, other_lat, other_lon) <= GEOFENCE_M


def scope_known(deployment: Deployment) -> None:
    """An owner can only consent to a place, sensors and an end that are known."""
    if deployment.lat is None or not deployment.modules or deployment.ends_at is None:
        raise Refused(
            "scope-missing",
            _("Complete the need and the place first: the owner consents to exactly those."),
            422,
        )


def hash_still_true(deployment: Deployment) -> None:
    """What was read is what was sent, and what stands there now."""
    sent = deployment.submissions.filter(version=deployment.version).first()
    as_sent(deployment, sent)
    if deployment.content_hash != deployment.hash_content():
        raise Refused("stale-content", _("It changed after you read it. Read it again."), 409)


def as_sent(deployment: Deployment, sent: Submission | None) -> None:
    """The text that an officer reads is the one whose digest the decision names (H2)."""
    if (
        sent is None
        or (sent.version, sent.content_hash) != (deployment.version, deployment.content_hash)
        or hashlib.sha256(canonical.dumps(sent.content)).hexdigest() != deployment.content_hash
    ):
        raise Refused(
            "stale-content",
            _("What was sent is not what stands here now. Let the applicant take it back and send it again."),
            409,
        )


def trailer_free(deployment: Deployment) -> None:
    """No other number has an authorised or active term of this trailer at the same time."""
    taken = (
        Deployment.objects.filter(
            trailer=deployment.trailer, state__in=("authorised", "active"),
            starts_at__lt=deployment.ends_at, ends_at__gt=deployment.starts_at,
        )
        .exclude(year=deployment.year, serial=deployment.serial)
        .first()
    )  # fmt: skip
    if taken is not None:
        raise Refused(
            "overlap",
            _("Trailer %(trailer)s stands under %(number)s until %(until)s. Choose other dates or trailer.")
            % {
                "trailer": deployment.trailer.name,
                "number": taken.name,
                "until": taken.ends_at and stamp(taken.ends_at),
            },
            409,
        )


def term_possible(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """A term ends after it starts, not in the past, after 14 days at most."""
    if ends_at <= starts_at:
        raise Refused("term-order", _("The end is before the start. Give a later end."), 422, field="ends_at")
    if ends_at <= now:
        raise Refused("term-over", _("The end date has passed. Give a later one."), 422, field="ends_at")
    if ends_at - starts_at > MAX_TERM:
        raise Refused(
            "term-too-long", _("A term is 14 days at most. End it earlier; it can be renewed."), 422,
            field="ends_at",
        )  # fmt: skip
    if starts_at > now + timedelta(days=60):
        raise Refused(
            "term-far", _("The start is over 60 days away. Apply nearer to it."), 422, field="starts_at"
        )


def known_switches(trailer: Trailer, justified: Mapping[str, str]) -> None:
    """Only sensors that the trailer has, and lists that exist; a list needs the plate reader."""
    modules = {key for key in justified if not key.startswith("list:")}
    lists = {key[5:] for key in justified if key.startswith("list:")}
    if modules - set(MODULES) or lists - set(CATEGORIES):
        raise Refused("need-unknown", _("That is not a sensor or a list category of this console."), 422)
    lacking = modules & set(CAPABILITIES) - set(trailer.capabilities)
    if lacking:
        raise Refused(
            "no-such-sensor", _("Trailer %(trailer)s does not have it: %(what)s.")
            % {"trailer": trailer.name, "what": ", ".join(sorted(lacking))}, 422,
        )  # fmt: skip
    if lists and "alpr" not in modules:
        raise Refused("list-without-reader", _("A list category needs the plate reader switched on."), 422)


def in_area(agency_id: int, lat: float, lon: float) -> None:
    """Only inside the area of the service."""
    inside = in_service_area(agency_id, lat, lon)
    if inside is None:
        raise Refused("no-area", _("The service has no area set yet. Ask a supervisor to set it."), 422)
    if not inside:
        raise Refused(
            "outside-area", _("This place is outside the area of the service. Choose one inside it."), 422,
            field="lat",
        )  # fmt: skip


def usable_class(key: str) -> None:
    """H10: a retention class without a legal authority cannot be used."""
    if not classes.usable(key):
        raise Refused(
            "retention-class", _("Choose a retention class that has a legal authority."), 422,
            field="retention_class",
        )  # fmt: skip


def scores_of(matrix: RiskMatrix, factors: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return ``{key: {"level","why"}}`` for exactly the factors of the matrix; a score above 0 says why."""
    wanted = [factor["key"] for factor in matrix.factors]
    if set(factors) != set(wanted):
        raise Refused("risk-incomplete", _("Score every factor of the matrix."), 422)
    scored = {}
    for key in wanted:
        level, why = factors[key]["level"], str(factors[key].get("why", "")).strip()
        if type(level) is not int or not 0 <= level <= HIGHEST_LEVEL:
            raise Refused("risk-incomplete", _("A score is 0, 1, 2, 3 or 4."), 422, field=key)
        if level and not why:
            raise Refused(
                "risk-unexplained", _("Say on what the score rests, in a few words."), 422, field=f"why-{key}"
            )
        scored[key] = {"level": level, "why": why[:200]}
    return scored
