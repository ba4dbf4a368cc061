"""Asking an owner by a private link: who may ask, and what a link still is good for."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_email
from django.utils.translation import gettext as _

from accounts.models import User, plain_text
from csoc.lib.errors import Refused
from deployments.models import Capacity, ConsentRequest, Deployment, OwnerCode
from deployments.owner import links, texts
from deployments.owner.typed import seen
from deployments.policies.content import same_place, scope_known
from deployments.policies.people import may_edit

LINKS_AN_HOUR = 5
MOST_NAME, MOST_CONDITIONS = 120, 1000


def may_ask(
    actor: User, deployment: Deployment, *, capacity: str, name: str, email: str, language: str, now: datetime
) -> None:
    """Whoever may edit a draft asks its owner, once the place, the sensors and the end are known."""
    may_edit(actor, deployment)
    scope_known(deployment)
    if deployment.ends_at is None or deployment.ends_at <= now:
        raise Refused("term-over", _("The end date has passed. Give a later one."), 422, field="ends_at")
    if capacity not in Capacity.values or not texts.known(language):
        raise Refused("schema", _("Choose who is asked and in which language."), 422)
    if not 0 < len(name.strip()) <= MOST_NAME:
        raise Refused("owner-missing", _("Give the name of whom you ask."), 422, field="owner_name")
    try:
        plain_text(name.strip())
    except ValidationError as error:
        raise Refused("schema", error.messages[0], 422, field="owner_name") from None
    try:
        # A quoted name is read differently by different mail servers: nobody has one.
        RegexValidator(r'["\x00-\x20]', inverse_match=True)(email)
        validate_email(email)
    except ValidationError:
        raise Refused(
            "owner-mail", _("Give the e-mail address of the owner, such as name@example.org."), 422,
            field="owner_email",
        ) from None  # fmt: skip
    asked = deployment.consent_requests.filter(made_at__gt=now - timedelta(hours=1)).count()
    if asked >= LINKS_AN_HOUR:
        raise Refused(
            "slow-down", _("%(most)d links were sent within an hour. Wait, or phone the owner.")
            % {"most": LINKS_AN_HOUR}, 429,
        )  # fmt: skip


def may_end_link(actor: User, deployment: Deployment, request: ConsentRequest | None) -> None:
    """Whoever may ask may take the question back while it is open; an answer stays."""
    may_edit(actor, deployment)
    if request is None:
        raise Refused("no-link", _("No link is open: it was answered, or taken back already."), 409)


def alive(request: ConsentRequest, now: datetime) -> None:
    """A link lives until its time to answer is over; once answered it lives on, for the owner to withdraw."""
    if request.answer:
        return
    if request.ended_at is not None:
        newer = ConsentRequest.objects.filter(deployment_id=request.deployment_id, pk__gt=request.pk).exists()
        raise Refused("link-replaced" if newer else "link-ended", _("This link was taken back."), 410)
    if now >= request.expires_at:
        raise Refused("link-expired", _("The time to answer is over."), 410)


def may_send_code(request: ConsentRequest, now: datetime) -> None:
    """A few codes an hour and a day: so few that nobody finds one by trying."""
    alive(request, now)
    made = request.codes.filter(made_at__gt=now - timedelta(days=1)).values_list("made_at", flat=True)
    within = [at for at in made if at > now - timedelta(hours=1)]
    if len(within) >= links.CODES_AN_HOUR or len(made) >= links.CODES_A_DAY:
        raise Refused("code-often", _("Too many codes were asked for. Try again later."), 429)


def code_usable(code: OwnerCode | None, now: datetime) -> OwnerCode:
    """Return the newest code, while it may still be tried."""
    if code is None or code.used_at is not None or now >= code.expires_at or code.tries >= links.MOST_TRIES:
        raise Refused("code-over", _("That code no longer works. Send another one."), 403)
    return code


def may_answer(request: ConsentRequest, now: datetime) -> None:
    """Once, in its time, and while there is still something to agree to."""
    if request.answer:
        raise Refused("link-answered", _("This was answered already. The answer stands."), 409)
    alive(request, now)
    if request.deployment.state in (Deployment.State.DEACTIVATED, Deployment.State.REFUSED):
        raise Refused(
            "link-ended", _("What this link asks about is over. There is nothing left to answer."), 410
        )
    if now >= request.until:
        raise Refused("term-over", _("The time that was asked for is over."), 409)


def conditions_fit(conditions: str) -> None:
    """Conditions are as long as the column holds."""
    if len(conditions) > MOST_CONDITIONS:
        raise Refused(
            "conditions-long", _("%(most)d characters at most.") % {"most": MOST_CONDITIONS}, 422,
            field="conditions",
        )  # fmt: skip
    if seen(conditions) != conditions.strip():
        raise Refused("schema", _("Use only letters, digits and signs that can be seen."), 422)


def still_asks_this(deployment: Deployment, request: ConsentRequest) -> bool:
    """Whether the draft asks no more than the owner was asked."""
    if not deployment.editable or deployment.ends_at is None or deployment.lat is None:
        return False
    assert deployment.lon is not None
    return (
        set(deployment.modules) <= set(request.modules)
        and deployment.ends_at <= request.until
        and same_place(deployment.lat, deployment.lon, request.lat, request.lon)
    )
