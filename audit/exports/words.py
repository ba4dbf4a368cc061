"""What the pages say of a request: what it asks for, where it stands, and what happens next."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.defaultfilters import filesizeformat
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.models import Entry, ExportRequest
from csoc.lib import clock

State = ExportRequest.State

#: What the builder does, by phase; {done} and {total} where it can count.
PHASES = {
    "": gettext_lazy("Waiting for the exporter"),
    "counting": gettext_lazy("Counting the entries"),
    "census": gettext_lazy(
        "Counting every person and thing in the log, for the proof that nothing is left out"
    ),
    "lines": gettext_lazy("Reading entries: {done} of {total}"),
    "details": gettext_lazy("Opening details"),
    "sealing": gettext_lazy("Putting the export's own entry into the log"),
    "witness": gettext_lazy("Waiting for a witness to sign"),
    "packing": gettext_lazy("Packing proofs: {done} of {total}"),
}
#: Why a build failed, or waits.
FAULTS = {
    "other-agencies": gettext_lazy(
        "Some of these entries belong to other agencies. Ask for a person or thing of yours, or a question."
    ),
    "nothing-found": gettext_lazy("No entry names this person or thing any more."),
    "no-grant": gettext_lazy(
        "The log has no approval of it by a second person, so nothing was read. Tell the administrator: "
        "somebody may have written into the database."
    ),
    "gap": gettext_lazy(
        "Entries that belong to it are missing from the log itself. Tell the administrator to run "
        "“manage.py audit_verify --full”."
    ),
    "pruned": gettext_lazy(
        "A hash that its proof needs went with a pruned part of the log. Leave the earlier checkpoint out, "
        "or ask for a later time."
    ),
    "too-large": gettext_lazy(
        "It would be larger than 3 GiB. Ask for a shorter time, or leave the details out."
    ),
    "no-key": gettext_lazy("The log has no key yet: the sequencer has not started."),
    "details-due": gettext_lazy(
        "A detail in it was due for deletion before it was finished. Ask again, or leave the details out."
    ),
    "disk-full": gettext_lazy("The disk is full. Tell the administrator."),
    "error": gettext_lazy("The exporter met an error that it does not know. Tell the administrator."),
    "log-halted": gettext_lazy("The log has halted. Nothing is exported until it goes on."),
    "log-behind": gettext_lazy(
        "The log is behind or halted. It goes on by itself when the log has caught up."
    ),
    "no-witness": gettext_lazy(
        "No witness has signed yet, and without one the file would prove nothing against us. It is finished "
        "as soon as one signs; ask the witness, or see the Witnesses page."
    ),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One request as people read it. ``tone``: '', ok, caution or fault; ``percent`` None: not known."""

    row: ExportRequest
    what: str
    state: str
    tone: str
    next: str
    percent: int | None

    @property
    def under_way(self) -> bool:
        """True while it changes by itself."""
        return self.row.state in (State.APPROVED, State.BUILDING)


def tell(request: ExportRequest) -> Told:
    """Return ``request`` in words."""
    return Told(request, what(request), state(request), tone(request), next_step(request), percent(request))


def what(request: ExportRequest) -> str:
    """Name what it asks for."""
    match request.kind:
        case ExportRequest.Kind.ACTOR:
            return _("Everything %(who)s did") % {"who": who(request.subject)}
        case ExportRequest.Kind.OBJECT:
            return _("Everything done to %(what)s") % {"what": request.subject.replace(":", " ", 1)}
        case ExportRequest.Kind.RANGE:
            span = {"first": intcomma(request.first), "last": intcomma(request.last)}
            return _("Entries %(first)s to %(last)s") % span
    return _("What answers “%(question)s”") % {"question": request.question}


def who(actor: str) -> str:
    """Name an actor by number and, for a person, by the name of their newest entry."""
    if not actor.startswith("u-"):
        return actor
    named = Entry.objects.filter(actor=actor, name__isnull=False).order_by("-idx")
    name = named.values_list("name", flat=True).first()
    return f"{name} ({actor})" if name else actor


def proves(request: ExportRequest) -> str:
    """Say what its recipient will be able to prove."""
    if request.kind == ExportRequest.Kind.QUESTION:
        return _("Each entry is proven unchanged. That no other entry answers the question is not proven.")
    if request.kind == ExportRequest.Kind.RANGE:
        return _("Each entry is proven unchanged, and that none between the first and the last is missing.")
    return _("Each entry is proven unchanged, and that none is missing from the first on.")


def state(request: ExportRequest) -> str:
    """Name the state in a word or two."""
    words = {
        State.ASKED: _("Waiting for approval"),
        State.REFUSED: _("Refused"),
        State.WITHDRAWN: _("Withdrawn"),
        State.APPROVED: _("Approved"),
        State.BUILDING: _("Being built"),
        State.READY: _("Ready"),
        State.FAILED: _("Failed"),
        State.CANCELLED: _("Cancelled"),
        State.EXPIRED: _("Deleted"),
    }
    return str(words[State(request.state)])


def tone(request: ExportRequest) -> str:
    """Return how loud it is."""
    if request.state == State.FAILED or request.missing:
        return "fault"
    if request.state == State.ASKED or request.fault:
        return "caution"
    return "ok" if request.state == State.READY else ""


def next_step(request: ExportRequest) -> str:
    """Say where it stands and what happens next."""
    people = {"asked": request.requester_name, "decided": request.approver_name}
    people["at"] = moment(request.decided_at)
    match request.state:
        case State.ASKED:
            return _("A supervisor or a privacy officer other than %(asked)s decides.") % people
        case State.REFUSED:
            why = {**people, "why": request.get_refusal_display()}
            return _("%(decided)s refused it on %(at)s: %(why)s.") % why
        case State.WITHDRAWN:
            return _("%(asked)s withdrew it before anybody decided.") % people
        case State.CANCELLED:
            return _("%(asked)s stopped it after %(decided)s had approved it. There is no file.") % people
        case State.READY:
            return _("The file will be deleted on %(at)s.") % {"at": moment(request.expires_at)}
        case State.EXPIRED:
            return _("Its file is deleted, or was never built in time. Ask again if it is still needed.")
        case State.FAILED:
            return str(FAULTS.get(request.fault, FAULTS["error"]))
    return progress(request)


def progress(request: ExportRequest) -> str:
    """Say what the exporter does now, or why it waits."""
    if request.fault and request.lease is None:
        return str(FAULTS.get(request.fault, FAULTS["error"]))
    phase = str(PHASES.get(request.phase, PHASES[""]))
    words = phase.format(done=intcomma(request.done), total=intcomma(request.total))
    if request.phase == "lines" and not request.total:
        return str(PHASES["counting"])
    return words


def percent(request: ExportRequest) -> int | None:
    """Return how far the present phase is, 0 to 100."""
    if request.state != State.BUILDING or request.lease is None or not request.total:
        return None
    return min(100, request.done * 100 // request.total)


def size(request: ExportRequest) -> str:
    """Return the file's size for people."""
    return str(filesizeformat(request.bytes)) if request.bytes else ""


def missing(request: ExportRequest) -> str:
    """Say what the verifier will find fault with, or ''."""
    if not request.missing:
        return ""
    return ngettext(
        "%(n)d detail is gone although no entry says that it was erased: the verifier will name it. "
        "Find out why.",
        "%(n)d details are gone although no entry says that they were erased: the verifier will name them. "
        "Find out why.",
        request.missing,
    ) % {"n": request.missing}


def moment(at: datetime | None) -> str:
    """Return a time where people are, with its zone."""
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE))
    return str(date_format(local, "j M Y H:i T"))


def wire(request: ExportRequest) -> dict[str, Any]:
    """Return how far it is, for scripts: nothing of what it asks for."""
    told = tell(request)
    return {
        "name": request.name,
        "state": request.state,
        "words": told.state,
        "next": told.next,
        "percent": told.percent,
        "done": request.done,
        "total": request.total,
    }


def whole(request: ExportRequest) -> dict[str, Any]:
    """Return all of a request, for scripts of the same people."""
    names = (
        "kind", "subject", "question", "first", "last", "details", "also", "reason", "reference", "recipient",
        "requester", "approver", "refusal", "fault", "entries", "bytes", "sha256", "witnesses",
    )  # fmt: skip
    times = ("asked_at", "decided_at", "built_at", "expires_at")
    return {
        **wire(request),
        **{name: getattr(request, name) for name in names},
        **{name: clock.wire(getattr(request, name)) for name in times},
    }
