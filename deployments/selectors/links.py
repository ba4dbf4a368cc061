"""Reading private links: the one of an address, and how the newest of a deployment stands."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.utils import formats, timezone
from django.utils.translation import gettext as _

import audit
from csoc.lib.errors import Refused
from deployments.models import ConsentRequest, Deployment, OwnerCode, OwnerMail
from deployments.owner import links
from vault import Gone, records

_WITH = ("deployment__agency", "deployment__trailer", "consent")


@dataclass(frozen=True, slots=True)
class LinkState:
    """How a link stands, for the applicant. ``name`` and ``email`` are empty once their time has come.

    state: ``waiting`` (not sent yet), ``failed`` (could not be sent), ``sent``, ``opened``, ``given``,
    ``declined``, ``expired``, ``ended``. ``attached``: the consent is the one that the draft rests on.
    """

    request: ConsentRequest
    state: str
    name: str
    email: str
    sent_at: datetime | None
    fault: str
    attached: bool

    @property
    def words(self) -> str:
        """The state in one sentence, in local time."""
        return _words(self)

    @property
    def tone(self) -> str:
        """``ok``, ``caution``, ``fault`` or "": how the sentence is coloured."""
        consent = self.request.consent
        gone = consent is not None and consent.withdrawn_at is not None
        tones = {"waiting": "caution", "failed": "fault", "declined": "fault", "given": "ok"}
        return "fault" if gone else tones.get(self.state, "")

    @property
    def open(self) -> bool:
        """Whether the owner may still answer."""
        return self.state in ("waiting", "failed", "sent", "opened")


def link_ref(request: ConsentRequest) -> audit.Ref:
    """How the audit log names a link: by its number, which leads nowhere without its secret."""
    return audit.Ref("owner_link", owner_id(request), request.deployment.agency.code)


def owner_id(request: ConsentRequest) -> str:
    """How the audit log names the owner: by the link alone."""
    return f"own-{request.pk}"


def link_by_token(token: str) -> ConsentRequest:
    """Return the link of an address. Errors: Refused ``link-unknown`` (404), whatever was wrong."""
    digest = links.digest_of(token)
    found = ConsentRequest.objects.select_related(*_WITH).filter(token_sha256=digest).first()
    if found is None:
        raise Refused("link-unknown", _("This link does not work."), 404)
    return found


def locked_link(request_id: int) -> ConsentRequest:
    """Return the link under a row lock. Whoever also needs its deployment locks that one first."""
    list(ConsentRequest.objects.select_for_update().filter(pk=request_id).values_list("pk", flat=True))
    return ConsentRequest.objects.select_related(*_WITH).get(pk=request_id)


def open_link(deployment: Deployment) -> ConsentRequest | None:
    """Return the link of a deployment that is not answered and not ended, None without one."""
    return _open_links(deployment).first()


def open_link_locked(deployment: Deployment) -> ConsentRequest | None:
    """Return the same link under a row lock: for whoever ends or answers it."""
    return _open_links(deployment).select_for_update().first()


def _open_links(deployment: Deployment) -> QuerySet[ConsentRequest]:
    return deployment.consent_requests.filter(answer="", ended_at=None).order_by("pk")


def newest_code(request: ConsentRequest) -> OwnerCode | None:
    """Return the code that counts: only the newest one does."""
    return request.codes.order_by("-made_at", "-pk").first()


def link_state(deployment: Deployment, now: datetime) -> LinkState | None:
    """Return how the newest link of the deployment stands, None before the first."""
    request = deployment.consent_requests.select_related("consent").order_by("-pk").first()
    if request is None:
        return None
    mail = OwnerMail.objects.filter(request=request, kind=OwnerMail.Kind.LINK).order_by("-pk").first()
    told, consent = details(request), request.consent_id
    return LinkState(
        request, _state(request, mail, now), told["name"], told["email"], mail.sent_at if mail else None,
        mail.fault if mail else "", consent is not None and consent == deployment.consent_id,
    )  # fmt: skip


def _state(request: ConsentRequest, mail: OwnerMail | None, now: datetime) -> str:
    if request.answer:
        return request.answer
    if request.ended_at is not None:
        return "ended"
    if now >= request.expires_at:
        return "expired"
    if request.opened_at is not None:
        return "opened"
    if mail is not None and mail.failed_at is not None:
        return "failed"
    return "sent" if mail is not None and mail.sent_at is not None else "waiting"


def _words(link: LinkState) -> str:
    request = link.request
    withdrawn = request.consent.withdrawn_at if request.consent is not None else None
    sentence, at = {
        "waiting": (_("Not sent yet: it goes within seconds, and this line says so"), None),
        "failed": (_("Could not be sent. Check the address, or phone the owner."), None),
        "sent": (_("Sent at %(at)s, not opened"), link.sent_at),
        "opened": (_("Opened %(at)s, not answered"), request.opened_at),
        "given": (_("Consent given %(at)s"), request.answered_at),
        "declined": (_("Declined %(at)s"), request.answered_at),
        "expired": (_("The time to answer is over"), None),
        "ended": (_("Taken back"), None),
    }[link.state]
    if link.state == "given" and withdrawn is not None:
        sentence, at = _("Consent given, and withdrawn %(at)s"), withdrawn
    local = at and timezone.localtime(at, ZoneInfo(settings.LOCAL_TIME_ZONE))
    return str(sentence) % {"at": local and formats.date_format(local, "j F H:i T")}


def details(request: ConsentRequest) -> dict[str, str]:
    """Return ``{"name","email"}`` of the owner; empty texts once their time has come."""
    try:
        told = records.unseal_json(request.record, "details", bytes(request.details_sealed))
    except Gone:
        return {"name": "", "email": ""}
    return {"name": str(told["name"]), "email": str(told["email"])}
