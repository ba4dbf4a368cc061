"""Deciding, switching on, narrowing, renewing, ending."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Role, User
from accounts.policies import require_role
from csoc.lib.errors import Refused, nothing_here
from deployments.models import Deployment
from deployments.policies.content import complete
from deployments.policies.people import Actor, can_read, may_prepare, same_agency
from deployments.policies.words import one_line, several_lines
from deployments.selectors import installing

LEAST_WORDS, MOST_WORDS = 3, 1000
ENDS_BY_PEOPLE = (
    Deployment.End.NEED_ENDED,
    Deployment.End.CONSENT_WITHDRAWN,
    Deployment.End.FAULT,
    Deployment.End.REVOKED,
)
TIGHTENED = frozenset(
    {
        "modules",
        "hotlist_categories",
        "ends_at",
        "forbidden_sectors",
        "speaker_ceiling_pct",
        "quiet_ceiling_pct",
    }
)
LISTS = frozenset({"modules", "hotlist_categories"})


def _words(words: str) -> None:
    if not LEAST_WORDS <= len(words.strip()) <= MOST_WORDS:
        raise Refused(
            "reason-missing", _("Give a reason, in 1000 characters at most. It is kept with it."), 422,
            field="words",
        )  # fmt: skip
    several_lines(words, field="words")


def is_own(actor: User, deployment: Deployment) -> bool:
    """Whether this person applied for it, or wrote a part of it, under whatever sign-in."""
    incident = deployment.incident
    return (
        actor.person_id == deployment.applicant_id
        or (incident is not None and incident.recorded_by_id == actor.person_id)
        or deployment.contributions.filter(person_id=actor.person_id).exists()
    )


def may_decide(actor: User, deployment: Deployment, *, version: int, content_hash: str, words: str) -> None:
    """H1, H2: a supervisor who wrote none of it, on exactly what they read."""
    require_role(actor, Role.SUPERVISOR)
    same_agency(actor, deployment)
    if is_own(actor, deployment):
        raise Refused("own-request", _("You applied for this. Another supervisor must decide."), 403)
    if deployment.state != Deployment.State.SUBMITTED:
        raise Refused("wrong-state", _("This deployment is not waiting for a decision."), 409)
    if version != deployment.version or content_hash != deployment.content_hash:
        raise Refused("stale-content", _("It changed after you read it. Read it again."), 409)
    _words(words)


def may_activate(actor: User, deployment: Deployment, moment: datetime) -> None:
    """H1: everything still holds at the moment the sensors go on."""
    require_role(actor, Role.SUPERVISOR, Role.TECHNICIAN)
    same_agency(actor, deployment)
    if deployment.state != Deployment.State.AUTHORISED:
        raise Refused("wrong-state", _("Only an authorised deployment can be activated."), 409)
    complete(deployment, moment)
    if deployment.starts_at is None or not deployment.starts_at <= moment:
        raise Refused("not-begun", _("The authorised term has not begun."), 409)
    authorisation = deployment.authorisation
    if authorisation is None or authorisation.content_hash != deployment.hash_content():
        raise Refused("stale-content", _("It changed after it was authorised. It needs a new decision."), 409)
    taken = Deployment.objects.filter(trailer=deployment.trailer, state=Deployment.State.ACTIVE).first()
    if taken is not None:
        raise Refused("overlap", _("The trailer is already deployed under %s.") % taken.name, 409)
    missing = installing.missing(deployment, moment)
    if missing:
        raise Refused(
            "not-installed",
            _("The installation is not complete: %s.") % ", ".join(missing),
            422,
            missing=missing,
        )


def may_follow(deployment: Deployment, before: Deployment, moment: datetime) -> None:
    """A renewal takes over from a term that still stands, and begins now."""
    if not before.in_force_at(moment):
        raise Refused("wrong-state", _("The term that it renews is over. Apply for a new deployment."), 409)
    if deployment.starts_at is None or deployment.starts_at > moment:
        raise Refused("not-begun", _("A renewal begins at once: give a start that has come."), 409)


def may_renew(actor: User, before: Deployment, moment: datetime) -> None:
    """An applicant who reads it begins the next term, while this one stands, once."""
    may_prepare(actor)
    same_agency(actor, before)
    if not can_read(actor, before):
        raise nothing_here()
    if not before.in_force_at(moment):
        raise Refused("wrong-state", _("Only an active deployment is renewed. Apply for a new one."), 409)
    waiting = (
        Deployment.objects.filter(year=before.year, serial=before.serial)
        .exclude(state__in=("active", "deactivated", "refused"))
        .first()
    )
    if waiting is not None:
        raise Refused(
            "renewal-open", _("%(name)s is preparing a renewal already.") % {"name": waiting.applicant.name},
            409, address=waiting.address_name,
        )  # fmt: skip


def may_tighten(actor: User, deployment: Deployment, changes: Mapping[str, Any], moment: datetime) -> None:
    """Less needs no authorisation, only a named person of the work, and an active deployment."""
    require_role(actor, Role.APPLICANT, Role.SUPERVISOR, Role.TECHNICIAN)
    same_agency(actor, deployment)
    if deployment.state != Deployment.State.ACTIVE:
        raise Refused("wrong-state", _("Only an active deployment is narrowed."), 409)
    unknown = set(changes) - TIGHTENED
    if unknown:
        raise Refused("not-tighter", _("That cannot be narrowed: %s.") % ", ".join(sorted(unknown)), 422)
    if changes.get("ends_at") is not None and changes["ends_at"] <= moment:
        raise Refused(
            "term-over", _("That end has passed. End the deployment instead."), 422, field="ends_at"
        )


def narrowed(deployment: Deployment, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that change something, as they are kept. Lists come sorted, each name once.

    What follows from less is less as well: without the plate reader no list stays, and the quiet hours are
    never louder than the day. Errors: Refused ``not-tighter``, ``sector-empty`` (422).
    """
    told: dict[str, Any] = {}
    for field, value in _wanted(deployment, changes).items():
        now = getattr(deployment, field)
        if value == (sorted(set(now)) if field in LISTS else now):
            continue
        if not _is_less(field, now, value):
            raise Refused(
                "not-tighter",
                _("An active deployment is only narrowed. To widen it, renew it."),
                422,
                field=field,
            )
        told[field] = value
    if not told:
        raise Refused("not-tighter", _("Nothing would change."), 422)
    if told.get("modules") == []:
        raise Refused("not-tighter", _("That switches everything off. End the deployment instead."), 422)
    return told


def _wanted(deployment: Deployment, changes: Mapping[str, Any]) -> dict[str, Any]:
    wanted = dict(changes)
    for field in LISTS & wanted.keys():
        wanted[field] = sorted(set(wanted[field]))
    if "alpr" not in wanted.get("modules", deployment.modules):
        wanted["hotlist_categories"] = []
    speaker = wanted.get("speaker_ceiling_pct")
    if speaker is not None:
        quiet = wanted.get("quiet_ceiling_pct", deployment.quiet_ceiling_pct)
        wanted["quiet_ceiling_pct"] = min(quiet, speaker)
    if "forbidden_sectors" in wanted:
        kept: list[Any] = []
        for sector in wanted["forbidden_sectors"]:
            kept += [one for one in [_sector(deployment, sector)] if one not in kept]
        wanted["forbidden_sectors"] = kept
    return wanted


def _sector(deployment: Deployment, sector: Any) -> Any:
    """Return a sector as the place keeps it, or as it stands there already."""
    if sector in deployment.forbidden_sectors:
        return sector
    known: Mapping[str, Any] = sector if isinstance(sector, Mapping) else {}
    ends: list[Any] = [known.get(name) for name in ("from_deg", "to_deg")]
    if not all(type(one) in (int, float) and 0 <= one <= 360 for one in ends):
        raise Refused(
            "sector-empty", _("A sector has two directions, each from 0 to 360 degrees."), 422, field="to_deg"
        )
    start, end = (one % 360 for one in ends)
    if start == end:
        raise Refused(
            "sector-empty", _("Both ends are the same. Switch the camera off instead."), 422, field="to_deg"
        )
    return {"from_deg": start, "to_deg": end, "why": one_line(str(known.get("why", "")), field="why")}


def _is_less(field: str, now: Any, value: Any) -> bool:
    if field in LISTS:
        return set(value) <= set(now)
    if field == "forbidden_sectors":
        return all(sector in value for sector in now)
    return value is not None and value <= now


def may_review(actor: User, deployment: Deployment, words: str) -> None:
    """A supervisor who did not apply for it says whether it is still needed."""
    require_role(actor, Role.SUPERVISOR)
    same_agency(actor, deployment)
    if deployment.state != Deployment.State.ACTIVE:
        raise Refused("wrong-state", _("Only an active deployment is reviewed."), 409)
    if is_own(actor, deployment):
        raise Refused("own-request", _("You applied for this. Another supervisor reviews it."), 403)
    _words(words)


def may_end(actor: Actor, deployment: Deployment, reason: str = Deployment.End.NEED_ENDED) -> None:
    """Stopping needs no approval (H3): applicant, supervisor, technician, or the console itself.

    A person says why in a person's words: that it ran out, or was renewed, is the console's to say.
    """
    if isinstance(actor, User) and reason not in ENDS_BY_PEOPLE:
        raise Refused("reason-unknown", _("Choose one of the listed reasons."), 422, field="reason")
    if isinstance(actor, User):
        require_role(actor, Role.APPLICANT, Role.SUPERVISOR, Role.TECHNICIAN)
        same_agency(actor, deployment)
    elif actor.kind not in ("system", "owner"):
        raise Refused(
            "not-permitted", _("Only a named person, the owner or the console ends a deployment."), 403
        )
    if deployment.state not in (Deployment.State.ACTIVE, Deployment.State.AUTHORISED):
        raise Refused("wrong-state", _("This deployment is not active."), 409)
