"""The one way a deployment ends, and how a trailer is told. Parts of an act: the caller holds the lock."""

from typing import Any

from django.db.models import Q

import audit
from accounts.models import Person, User
from csoc.lib import clock, events, realtime
from deployments.models import Consent, Deployment
from deployments.parts.asked import end_open_link
from deployments.selectors import lock_standing_on, locked
from trailers.desired import Standing
from trailers.models import MODULES
from trailers.services import send_command, set_desired

#: Long enough for a slow link; after that the desired state, which stays, says the same.
WIPE_FOR_S = 300.0


def ref(deployment: Deployment) -> audit.Ref:
    """How the audit log names a deployment: by its number, in whatever term."""
    return audit.Ref("deployment", deployment.name, deployment.agency.code)


def end(deployment: Deployment, *, person: Person | None, reason: str, actor: Any) -> None:
    """End it: record, sensors off, what the trailer holds wiped, live views cut, one entry (H3)."""
    was_active = deployment.state == Deployment.State.ACTIVE
    close(deployment, person=person, reason=reason)
    if was_active:
        set_desired(actor=actor, trailer=deployment.trailer, deployment=None)
        operator = person.wire_id if person else "system"
        send_command(
            trailer=deployment.trailer, name="deactivate", args={"wipe": True, "deployment": deployment.name},
            operator=operator, ttl_s=WIPE_FOR_S, actor=actor,
        )  # fmt: skip
    audit.record("deployment.deactivate", ref(deployment), reason=audit.Reason(reason))
    events.emit("deployment.deactivate", deployment=deployment)
    realtime.push_on_commit("live", {"type": "refresh", "agency": deployment.agency.code})


def close(deployment: Deployment, *, person: Person | None, reason: str) -> None:
    """Write the record of an end, and ask the owner no more: a renewal ends a term without a stop."""
    deployment.deactivated_at = clock.now()
    deployment.deactivated_by = person
    deployment.deactivation_reason = reason
    deployment.move(Deployment.State.DEACTIVATED)
    deployment.save()
    end_open_link(deployment)


def tell_trailer(deployment: Deployment, actor: Any) -> None:
    """Write what an active deployment wants of its trailer: the justified sensors, and nowhere to look."""
    assert deployment.ends_at is not None and deployment.lat is not None and deployment.lon is not None
    until = (
        min(deployment.ends_at, deployment.consent.expires_at) if deployment.consent else deployment.ends_at
    )
    sectors = [
        {"from_deg": sector["from_deg"], "to_deg": sector["to_deg"]}
        for sector in deployment.forbidden_sectors
    ]
    set_desired(
        actor=actor,
        trailer=deployment.trailer,
        deployment=Standing(deployment.name, until, deployment.lat, deployment.lon, deployment.heading_deg),
        modules={name: name in deployment.modules for name in MODULES},
        forbidden_sectors=sectors,
    )


def take_back(consent: Consent, *, actor: Any) -> None:
    """Withdraw a consent, once, and end what stands at its property (H3); part of the caller's act.

    A later term that stands on another consent of the same owner ends as well, and that consent with it.
    Deployments are locked before consents, as an authorisation does: no ring of waits, and no
    authorisation or activation in between that would not be ended here.
    """
    standing = lock_standing_on(consent)
    person = actor.person if isinstance(actor, User) else None
    meant = Consent.objects.filter(Q(pk=consent.pk) | Q(deployments__in=standing)).values("pk")
    rows = Consent.objects.select_for_update(of=("self",)).select_related("agency").filter(pk__in=meant)
    for row in rows.order_by("pk"):
        _withdraw(row, person)
    for deployment_id in standing:
        end(locked(deployment_id), person=person, reason=Deployment.End.CONSENT_WITHDRAWN, actor=actor)


def _withdraw(consent: Consent, person: Person | None) -> None:
    if consent.withdrawn_at is not None:
        return
    consent.withdrawn_at, consent.withdrawn_by = clock.now(), person
    consent.save(update_fields=["withdrawn_at", "withdrawn_by"])
    audit.record("consent.withdraw", audit.Ref("consent", str(consent.pk), consent.agency.code))
