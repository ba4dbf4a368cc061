"""Setting a trailer up under an authorised deployment (H18). Every check is a row that stays."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

import audit
from accounts.models import User
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import policies
from deployments.models import Deployment, Installation, InstallationCheck
from deployments.parts.ending import ref
from deployments.selectors import installing, locked
from trailers.models import Trailer
from trailers.selectors import trailer_ref
from trailers.services import send_command

Item = InstallationCheck.Item
SELF_TEST_TTL_S = 60.0


@transaction.atomic
def open_installation(*, actor: User, deployment_id: int) -> Installation:
    """Open the window of 30 min; one that was open gives way, and its checks with it."""
    deployment, now = locked(deployment_id), clock.now()
    policies.may_open_installation(actor, deployment, now)
    deployment.installations.filter(closed_at__isnull=True).update(closed_at=now)
    window = Installation.objects.create(
        deployment=deployment, opened_by=actor.person, opened_at=now, until=now + policies.WINDOW
    )
    audit.record("installation.open", ref(deployment))
    return window


@transaction.atomic
def record_point(
    *, actor: User, deployment_id: int, item: str, value: float | None = None
) -> InstallationCheck:
    """Record what the technician measured or saw: the heading in degrees true, the masks, the ceiling."""
    deployment, now = locked(deployment_id), clock.now()
    window = policies.may_record(actor, deployment, installing.open_window(deployment, now))
    policies.by_hand(item, value)
    passed = True
    if item == Item.HEADING and value is not None:
        passed = policies.heading_off_deg(deployment.heading_deg, value) <= policies.HEADING_OFF_DEG
    check = InstallationCheck.objects.create(
        deployment=deployment, installation=window, item=item, passed=passed,
        value=value if item == Item.HEADING else None, code="" if passed else "off-heading",
        by=actor.person, at=now,
    )  # fmt: skip
    _enter("installation.check", deployment, check)
    return check


@transaction.atomic
def ask_for_test_alert(*, actor: User, deployment_id: int) -> Installation:
    """Ask the trailer to raise its test alert; what comes of it shows on the checklist."""
    deployment, now = locked(deployment_id), clock.now()
    window = policies.may_record(actor, deployment, installing.open_window(deployment, now))
    send_command(
        trailer=deployment.trailer, name="self.test",
        args={"deployment": deployment.name, "point": {"lat": deployment.lat, "lon": deployment.lon}},
        operator=actor.person.wire_id, ttl_s=SELF_TEST_TTL_S, actor=actor,
    )  # fmt: skip
    audit.record("trailer.command", trailer_ref(deployment.trailer))
    return window


@transaction.atomic
def complete_installation(*, actor: User, deployment_id: int) -> list[str]:
    """Record what the trailer tells of itself now, under the technician's name; return what is missing."""
    deployment, now = locked(deployment_id), clock.now()
    window = policies.may_record(actor, deployment, installing.open_window(deployment, now))
    for item, told in installing.readings(deployment, now).items():
        InstallationCheck.objects.create(
            deployment=deployment, installation=window, item=item, passed=told.passed, value=told.value,
            code=told.code, by=actor.person, at=now,
        )  # fmt: skip
    left = installing.missing(deployment, now)
    outcome = audit.Outcome("failed", code="not-installed", n=len(left)) if left else audit.ALLOWED
    audit.record("installation.complete", ref(deployment), outcome=outcome)
    return left


@transaction.atomic
def record_test_alert(
    *, actor: Trailer, window: Installation, alert_id: UUID, now: datetime
) -> tuple[datetime, bool]:
    """Pass a test alert that the caller has judged: only its id is kept.

    Returns when it came first, and whether that is now. Errors: Refused ``id-conflict`` (409).
    """
    known = InstallationCheck.objects.filter(alert=alert_id, passed=True).first()
    if known is not None:
        if known.deployment_id != window.deployment_id:
            raise Refused("id-conflict", _("Another alert already has this id."), 409)
        return known.at, False
    if window.checks.filter(item=Item.TEST_ALERT, passed=True).exists():
        # One is enough: more of them are taken, and leave nothing behind.
        return now, True
    check = InstallationCheck.objects.create(
        deployment=window.deployment, installation=window, item=Item.TEST_ALERT, passed=True,
        alert=alert_id, at=now,
    )  # fmt: skip
    _enter("installation.test_alert", window.deployment, check)
    return now, True


@transaction.atomic
def record_failed_test(*, actor: Trailer, code: str) -> None:
    """Show on the checklist why an alert of a trailer that is being set up was refused.

    Once a code and window, and not after a pass: a trailer that repeats itself fills no table.
    """
    window = installing.open_window_locked(actor, clock.now())
    if window is None or window.checks.filter(item=Item.TEST_ALERT, code__in=("", code)).exists():
        return
    check = InstallationCheck.objects.create(
        deployment=window.deployment, installation=window, item=Item.TEST_ALERT, passed=False, code=code,
        at=clock.now(),
    )  # fmt: skip
    _enter("installation.test_alert", window.deployment, check)


def _enter(verb: str, deployment: Deployment, check: InstallationCheck) -> None:
    outcome = audit.ALLOWED if check.passed else audit.Outcome("failed", code=check.code)
    audit.record(verb, ref(deployment), reason=audit.Reason(check.item), outcome=outcome)
