"""Who may do what to a trailer and its keys. Reads and refuses; never writes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Role
from accounts.policies import require_role
from csoc.lib import clock
from csoc.lib.errors import Refused

from .models import EnrolmentToken, Trailer, TrailerKey


def may_register(actor: Any) -> None:
    """Technicians and administrators put trailers on the register."""
    require_role(actor, Role.TECHNICIAN, Role.ADMINISTRATOR)


def may_enrol(actor: Any, trailer: Trailer) -> None:
    """A technician of the trailer's own agency makes enrolment tokens."""
    require_role(actor, Role.TECHNICIAN)
    same_agency(actor, trailer)


def may_confirm(actor: Any, key: TrailerKey) -> None:
    """A second person confirms: not the one who made the token, whatever their sign-in or role."""
    require_role(actor, Role.TECHNICIAN, Role.SUPERVISOR, Role.ADMINISTRATOR)
    same_agency(actor, key.trailer)
    if key.state != TrailerKey.State.PENDING:
        sentence = _("%(keyid)s is %(state)s already.") % {"keyid": key.keyid, "state": key.state}
        raise Refused("not-pending", sentence, 409)
    if key.made_by_id == actor.person_id:
        raise Refused("own-request", _("You made this key's token. Another person must confirm it."), 403)


def may_revoke(actor: Any, key: TrailerKey) -> None:
    """No second person is needed to stop."""
    require_role(actor, Role.TECHNICIAN, Role.SUPERVISOR, Role.ADMINISTRATOR)
    same_agency(actor, key.trailer)


def same_agency(actor: Any, trailer: Trailer) -> None:
    """Another agency's trailer does not exist here (404)."""
    if actor.person.agency_id != trailer.agency_id:
        raise Refused("not-found", _("There is no such trailer here."), 404)


def fingerprint_matches(key: TrailerKey, fingerprint: str) -> None:
    """What the person read on the device must be the key's own; blanks, colons and case don't count."""
    said = "".join(fingerprint.replace(":", "").split()).lower()
    if said != key.fingerprint:
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
