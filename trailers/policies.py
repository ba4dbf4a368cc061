"""Who may do what to a trailer and its keys. Reads and refuses; never writes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts import sessions
from accounts.models import Role
from accounts.policies import require_role
from accounts.selectors import has_role, person_wire
from csoc.lib import clock
from csoc.lib.errors import Refused

from .models import Command, DesiredState, EnrolmentToken, Trailer, TrailerKey, TrailerWarning
from .selectors import in_force

#: Who sees how trailers are, reads the register's keys and what is refused; none of it is about an alert.
FLEET_READERS = KEEPERS = (Role.TECHNICIAN, Role.SUPERVISOR, Role.ADMINISTRATOR)
#: What a technician may ask a trailer by itself.
QUESTIONS = ("self.test", "ping")
#: How many digits at the end of a fingerprint a person types.
SAID_DIGITS = 8


def may_register(actor: Any) -> None:
    """Technicians and administrators put trailers on the register."""
    require_role(actor, Role.TECHNICIAN, Role.ADMINISTRATOR)


def may_change(actor: Any, trailer: Trailer, changed: set[str], at: datetime) -> None:
    """The register's own words change at any time; what a deployment was read with, not while it stands."""
    may_register(actor)
    same_agency(actor, trailer)
    desired = DesiredState.objects.get(trailer=trailer)
    if changed - {"label"} and in_force(desired, at):
        sentence = _("%(trailer)s stands under %(deployment)s. Until that ends only its name can be changed.")
        named = {"trailer": trailer.name, "deployment": desired.deployment}
        raise Refused("deployed", sentence % named, 409)
    if changed & {"capabilities", "audio_rate_hz"} and trailer.keys.exists():
        sentence = _("The trailer says itself what it carries and how it hears, each time it is enrolled.")
        raise Refused("said-by-trailer", sentence, 409)


def may_see_keys(actor: Any) -> None:
    """Whoever enrols, confirms or revokes."""
    require_role(actor, *KEEPERS)


def recently_confirmed(actor: Any, login: Any) -> None:
    """Acts on keys ask for the second factor of the last five minutes (403 `step-up`)."""
    if not sessions.is_fresh(login, actor):
        raise Refused("step-up", _("Confirm first who you are, with a code of your second factor."))


def may_enrol(actor: Any, trailer: Trailer) -> None:
    """A technician of the trailer's own agency makes enrolment tokens."""
    require_role(actor, Role.TECHNICIAN)
    same_agency(actor, trailer)


def may_confirm(actor: Any, key: TrailerKey) -> None:
    """A second person confirms: not the one who made the token, whatever their sign-in or role."""
    require_role(actor, *KEEPERS)
    same_agency(actor, key.trailer)
    if key.state != TrailerKey.State.PENDING:
        raise _not_pending(key)
    if key.made_by_id == actor.person_id:
        raise Refused("own-request", _("You made this key's token. Another person must confirm it."), 403)


def _not_pending(key: TrailerKey) -> Refused:
    """Return what became of it, with the name of whoever was first."""
    told: dict[str, Any] = {"keyid": key.keyid, "state": key.state}
    person, at = key.revoked_by or key.confirmed_by, clock.wire(key.revoked_at or key.confirmed_at)
    if person is None or at is None:
        return Refused("not-pending", _("%(keyid)s is %(state)s already.") % told, 409)
    told |= {"name": person.name, "at": at}
    sentence = _("%(name)s confirmed %(keyid)s at %(at)s.")
    if key.state == TrailerKey.State.REVOKED:
        sentence = _("%(name)s revoked %(keyid)s at %(at)s.")
    return Refused("not-pending", sentence % told, 409, by=person_wire(person), at=at)


def may_revoke(actor: Any, key: TrailerKey) -> None:
    """No second person is needed to stop."""
    require_role(actor, *KEEPERS)
    same_agency(actor, key.trailer)


def same_agency(actor: Any, trailer: Trailer) -> None:
    """Another agency's trailer does not exist here (404)."""
    if actor.person.agency_id != trailer.agency_id:
        raise Refused("not-found", _("There is no such trailer here."), 404)


def fingerprint_matches(key: TrailerKey, fingerprint: str) -> None:
    """What the person read on the device must be the key's own: whole, or its last 8 digits.

    Blanks, colons and case don't count. Eight are enough: whoever wants to pass must have brought a key
    with the same eight before the trailer showed its own.
    """
    said = "".join(fingerprint.replace(":", "").split()).lower()
    if said not in (key.fingerprint, key.fingerprint[-SAID_DIGITS:]):
        raise Refused("fingerprint-differs", _("That is not this key's fingerprint. Do not confirm it."), 422)


def token_usable(token: EnrolmentToken, at: datetime) -> None:
    """A token works once and for 30 minutes (410 `token-used`, `token-expired`)."""
    if token.used_at is not None:
        when = clock.wire(token.used_at)
        raise Refused(
            "token-used", _("This token was used at %(when)s. Ask for a new one.") % {"when": when}, 410
        )
    if at >= token.expires_at:
        when = clock.wire(token.expires_at)
        raise Refused(
            "token-expired", _("This token ended at %(when)s. Ask for a new one.") % {"when": when}, 410
        )


def may_see_fleet(actor: Any) -> None:
    """Technicians, and those who confirm or revoke keys beside them."""
    require_role(actor, *FLEET_READERS)


def sees_fleet(actor: Any) -> bool:
    """Whether this person may, for what another page says of the fleet."""
    return has_role(actor, *FLEET_READERS)


def may_acknowledge_warning(actor: Any, trailer: Trailer, warning: TrailerWarning | None, level: str) -> None:
    """A technician of the trailer's agency takes on what stands open, as it was shown; the first one wins."""
    require_role(actor, Role.TECHNICIAN)
    same_agency(actor, trailer)
    if warning is None:
        raise Refused("warning-over", _("This warning is over. Nothing has to be done."), 409)
    if warning.acknowledged_by is not None:
        at = clock.wire(warning.acknowledged_at)
        sentence = _("%(name)s took this on at %(at)s.") % {"name": warning.acknowledged_by.name, "at": at}
        raise Refused("already-acknowledged", sentence, 409, by=person_wire(warning.acknowledged_by), at=at)
    if warning.level != level:
        raise Refused("warning-changed", _("It has changed since you looked. Read it again."), 409)


def may_ask(actor: Any, trailer: Trailer, name: str, at: datetime) -> None:
    """A technician asks one question at a time."""
    require_role(actor, Role.TECHNICIAN)
    same_agency(actor, trailer)
    if name not in QUESTIONS:
        raise Refused("schema", _("A trailer can be asked for a self-test or a ping."), 422)
    waiting = Command.objects.filter(
        trailer=trailer, name__in=QUESTIONS, state__in=("queued", "sent", "received"), expires_at__gt=at
    )
    if waiting.exists():
        raise Refused("asked", _("It was asked already and has not answered yet."), 409)
