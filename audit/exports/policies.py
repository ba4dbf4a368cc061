"""Who may ask for an export, decide on it, stop it and take it. Reads and refuses; never writes."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audit import selectors
from audit.context import current_actor
from audit.exports.selectors import halted
from audit.models import ExportRequest
from audit.permissions import READERS, in_group
from csoc.lib.errors import Refused, nothing_here
from csoc.lib.seen import is_plain

SUPERVISOR = "supervisor"
#: A log this far behind cannot prove that an export is complete.
BEHIND_S = 15 * 60


def may_see(user: Any) -> None:
    """Privacy officers and, as second persons, supervisors see requests; a supervisor never sees the log."""
    if not in_group(user, *READERS, SUPERVISOR):
        raise Refused(
            "not-permitted", _("Only a privacy officer or a supervisor sees requests for exports."), 403
        )


def may_ask(user: Any) -> None:
    """Who may read the log may ask to export it."""
    if not in_group(user, *READERS):
        raise Refused("not-permitted", _("Only a privacy officer asks for an export of the log."), 403)


def readable(**texts: str) -> None:
    """Refuse (422) what would not read as it is written: the second person approves what they see."""
    wrong = [name for name, text in texts.items() if not is_plain(text)]
    if wrong:
        sentence = _("Use only letters, digits and signs that can be seen.")
        errors = {name: [{"message": sentence, "code": "unseen"}] for name in wrong}
        raise Refused("schema", sentence, 422, errors=errors)


def may_decide(user: Any, request: ExportRequest) -> None:
    """H14: another person of the same agency, and only once."""
    may_see(user)
    same_agency(request)
    if current_actor().id == request.requester:
        raise Refused(
            "own-request",
            _("You asked for this yourself. A supervisor or another privacy officer must decide."),
            403,
        )
    if request.state != ExportRequest.State.ASKED:
        raise Refused("wrong-state", decided(request), 409)


def may_withdraw(user: Any, request: ExportRequest) -> None:
    """Who asked may take it back until it is decided, and stop it until it is built."""
    may_ask(user)
    same_agency(request)
    if current_actor().id != request.requester:
        raise Refused("not-yours", _("%(who)s asked for it and can stop it.") % _who(request), 403)
    if request.state not in ("asked", "approved", "building"):
        raise Refused("wrong-state", _("It can no longer be stopped."), 409)


def may_download(user: Any, request: ExportRequest, moment: datetime) -> None:
    """Who may read the log may take a ready file, as long as it exists."""
    may_ask(user)
    same_agency(request)
    still_there(request, moment)


def still_there(request: ExportRequest, moment: datetime) -> None:
    """Refuse what is not finished, and what is past its time even if nobody deleted it yet."""
    if request.state not in (ExportRequest.State.READY, ExportRequest.State.EXPIRED):
        raise Refused("not-ready", _("This export is not ready yet."), 409)
    if request.state == ExportRequest.State.EXPIRED or (request.expires_at or moment) <= moment:
        raise Refused("expired", _("This file was deleted. Ask for the export again."), 410)


def same_agency(request: ExportRequest) -> None:
    """What belongs to another agency does not exist for this person."""
    if request.agency != (current_actor().agency or ""):
        raise nothing_here()


def log_is_current() -> None:
    """Refuse (503) while the log is halted or over 15 min behind: nothing could be proven complete."""
    if halted():
        raise Refused(
            "log-halted",
            _(
                "The log has halted: what it holds and what it signed do not agree. Nothing is exported "
                "until two people have found out why. Tell the administrator."
            ),
            503,
        )
    status = selectors.sealed_status()
    if status["behind_s"] <= BEHIND_S:
        return
    raise Refused(
        "log-behind",
        _(
            "Entries have waited %(n)d min for their place in the log, so no export could be proven "
            "complete. Tell the administrator; exports work again when the log has caught up."
        )
        % {"n": status["behind_s"] // 60},
        503,
    )


def decided(request: ExportRequest) -> str:
    """Return who decided already, in a sentence."""
    match request.state:
        case ExportRequest.State.REFUSED:
            return _("%(who)s has already refused it.") % {"who": request.approver_name}
        case ExportRequest.State.WITHDRAWN:
            return _("%(who)s has withdrawn it.") % _who(request)
    return _("%(who)s has already approved it.") % {"who": request.approver_name}


def _who(request: ExportRequest) -> dict[str, str]:
    return {"who": request.requester_name}
