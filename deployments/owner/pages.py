"""What the owner's pages show. Reads only."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from audit import selectors as log
from csoc.lib import canonical, clock
from csoc.lib.errors import nothing_here
from deployments import documents
from deployments.models import Consent, Deployment
from deployments.owner import agreement, links
from deployments.owner.door import LinkRequest, Visit, page_facts
from deployments.owner.texts import Texts
from deployments.owner.typed import seen
from deployments.policies.asking import MOST_CONDITIONS
from deployments.selectors import links as selectors
from deployments.selectors import of_same_property, standing
from deployments.selectors.as_read import MODULE_ICONS
from trailers.models import TrailerStatus
from trailers.selectors import LOST_AFTER
from vault import Gone

#: These wait for an alert: being switched on is not the same as doing something.
WAITING = ("ptz", "speaker")
now = clock.now


class AnswerForm(forms.Form):
    """A yes: who may decide says so, and may set conditions."""

    declare = forms.BooleanField()
    conditions = forms.CharField(required=False, max_length=MOST_CONDITIONS)

    def clean_conditions(self) -> str:
        """Leave out what nobody sees: an owner's keyboard puts such signs in, and so may somebody else."""
        return seen(self.cleaned_data["conditions"])


@dataclass(frozen=True, slots=True)
class Row:
    """One sensor on a page: ``note`` and ``more`` below its name, ``word`` at its right.

    good: on, or confirmed.
    """

    name: str
    icon: str
    note: str
    word: str = ""
    good: bool = False
    more: str = ""


def start(request: LinkRequest) -> HttpResponse:
    """The page before the code."""
    return _page(request, "start", {"crossing": request.headers.get("Sec-Fetch-Site") == "cross-site"})


def code(request: LinkRequest) -> HttpResponse:
    """The page of the code, and how the last try ended."""
    visit = request.visit
    newest = selectors.newest_code(visit.link)
    if newest is None:
        return visit.to("owner-link")
    over = newest.used_at is not None or now() >= newest.expires_at or newest.tries >= links.MOST_TRIES
    left = links.MOST_TRIES - newest.tries
    error = visit.texts.say("refused.code_over") if over else ""
    if newest.tries and not over:
        error = visit.texts.say("refused.code_wrong", left=left)
    return _page(request, "code", {"error": error})


def page(request: LinkRequest) -> HttpResponse:
    """What this link is about now."""
    visit = request.visit
    consent = visit.link.consent
    if consent is None:
        declined = visit.link.answered_at
        return (
            _page(request, "declined", {"moment": visit.texts.moment(declined)}) if declined else ask(request)
        )
    # First of all: what the trailer says while the page is being made must still make it load again.
    known = {"digest": digest(visit)}
    if consent.withdrawn_at is not None:
        return _page(request, "withdrawn", known | withdrawn(visit, consent))
    return _page(request, "given", known | given(visit, consent))


def ask(request: LinkRequest, form: AnswerForm | None = None, status: int = 200) -> HttpResponse:
    """The question; what was typed stays."""
    visit = request.visit
    link, said = visit.link, visit.texts
    return _page(
        request, "ask",
        {
            "form": form or AnswerForm(), "most": MOST_CONDITIONS,
            "capacity": said.say(f"capacity.{link.capacity}"),
            "agency": link.deployment.agency.name, "until": said.stamp(link.until),
            "sensors": [_why(said, module) for module in agreement.in_order(link.modules)],
        },
        status,
    )  # fmt: skip


def withdraw(request: LinkRequest) -> HttpResponse:
    """Ask once whether it is meant."""
    return _page(request, "withdraw", {})


def given(visit: Visit, consent: Consent) -> dict[str, Any]:
    """What stands on the consent: what the trailer itself last said that is on."""
    said, deployment = visit.texts, _standing_on(consent)
    ended = _ended(consent) if deployment is None else None
    facts: dict[str, Any] = {
        "consent": consent, "moment": said.moment(consent.given_at),
        "until": said.moment(_until(consent, deployment)),
        "ended": ended and said.moment(ended.deactivated_at or consent.expires_at),
        "changed": not consent.deployments.exists(),
    }  # fmt: skip
    if deployment is None:
        rows = _confirmed(said, ended, consent) if ended else _silent_rows(said, consent, "off")
        return facts | {"rows": rows, "notice": "" if ended else said.say("given.not_yet")}
    return facts | _on_now(said, deployment, consent)


def _until(consent: Consent, deployment: Deployment | None) -> datetime:
    return (deployment and deployment.ends_at) or consent.expires_at


def _on_now(said: Texts, deployment: Deployment, consent: Consent) -> dict[str, Any]:
    status = TrailerStatus.objects.get(trailer=deployment.trailer)
    heard = status.link_at
    if heard is None or now() - heard > LOST_AFTER:
        notice = (
            said.say("given.silent", moment=said.moment(heard)) if heard else said.say("given.never_heard")
        )
        return {"rows": _silent_rows(said, consent, "unknown"), "notice": notice}
    rows = []
    for module in agreement.in_order({*consent.modules, *deployment.modules}):
        told = status.modules.get(module)
        word = (
            "unknown" if told is None else "off" if not told["on"] else "ready" if module in WAITING else "on"
        )
        rows.append(_row(said, module, said.say(f"sensor.{module}.keeps"), word, word == "on"))
    return {"rows": rows, "notice": ""}


def withdrawn(visit: Visit, consent: Consent) -> dict[str, Any]:
    """The proof: each sensor's own confirmation, what happens next, the entry of the log."""
    said, at = visit.texts, consent.withdrawn_at
    assert at is not None
    ended = _ended(consent)
    rows = _confirmed(said, ended, consent) if ended else _silent_rows(said, consent, "off")
    deleted = standing.deleted_by(ended) if ended else None
    entry = log.first_allowed("consent.withdraw", f"consent:{consent.pk}")
    state = "nothing_on" if ended is None else "done" if all(row.good for row in rows) else "waiting"
    return {
        "title": said.say(f"withdrawn.{state}"), "state": state, "rows": rows,
        "moment": _exact_moment(said, at), "deleted": deleted and said.stamp(deleted),
        "entry": entry and said.say(
            "withdrawn.entry", number=said.number(entry.idx), digest=_short(bytes(entry.leaf).hex())
        ),
    }  # fmt: skip


def digest(visit: Visit) -> str:
    """Return a digest of what may still change on the page: what the trailer and the log said so far."""
    consent = visit.link.consent
    if consent is None:
        return ""
    deployment = _standing_on(consent) or _ended(consent)
    said: list[Any] = [consent.withdrawn_at is not None]
    if deployment is not None and deployment.state == Deployment.State.ACTIVE:
        status = TrailerStatus.objects.get(trailer=deployment.trailer)
        on = {name: told["on"] for name, told in status.modules.items()}
        said += [on, status.link_at is not None and now() - status.link_at <= LOST_AFTER]
    elif deployment is not None:
        said += [clock.wire(sensor.off_at) for sensor in standing.sensors(deployment)]
    if consent.withdrawn_at is not None:
        entry = log.first_allowed("consent.withdraw", f"consent:{consent.pk}")
        said.append(entry.idx if entry else None)
    return hashlib.sha256(canonical.dumps(said)).hexdigest()[:16]


def agreed(visit: Visit) -> HttpResponse:
    """The file of what was agreed to: the bytes whose digest is the consent's. Errors: Refused 404."""
    consent = visit.link.consent
    if consent is None or consent.record is None:
        raise nothing_here()
    try:
        content = documents.fetch(consent.record, consent.document_name, original=True)
    except (Gone, FileNotFoundError):
        raise nothing_here() from None
    return documents.as_attachment(content, agreement.MEDIA_TYPE, f"consent-{visit.link.deployment.name}")


def receipt(visit: Visit) -> HttpResponse:
    """The proof of the withdrawal, self-contained. Errors: Refused 404 before there is one."""
    consent, said = visit.link.consent, visit.texts
    if consent is None or consent.withdrawn_at is None:
        raise nothing_here()
    facts = withdrawn(visit, consent) | {
        "texts": said, "request": visit.link, "number": visit.link.deployment.name,
        "made": said.moment(now()),
    }  # fmt: skip
    content = render_to_string("owner/receipt.html", facts).encode()
    return documents.as_attachment(content, agreement.MEDIA_TYPE, f"receipt-{visit.link.deployment.name}")


def _page(request: LinkRequest, name: str, facts: dict[str, Any], status: int = 200) -> HttpResponse:
    visit = request.visit
    frame = page_facts(request, visit.texts, visit)
    return render(request, f"owner/{name}.html", frame | {"link": visit.link} | facts, status=status)


def _standing_on(consent: Consent) -> Deployment | None:
    """Return what stands at the property now, in whatever term and on whatever paper."""
    rows = (
        of_same_property(consent).select_related("trailer", "consent").filter(state=Deployment.State.ACTIVE)
    )
    return next((found for found in rows if found.in_force_at(now())), None)


def _ended(consent: Consent) -> Deployment | None:
    """Return the last deployment that stood at the property and is over, by its record or by its time."""
    rows = (
        of_same_property(consent)
        .select_related("trailer__desired", "consent")
        .filter(activated_at__isnull=False)
    )
    return rows.order_by("-term", "-pk").exclude(deactivation_reason="renewed").first()


def _confirmed(said: Texts, ended: Deployment, consent: Consent) -> list[Row]:
    """Each sensor that was agreed to: the trailer's own word, or since when it is refused."""
    since = ended.deactivated_at or consent.expires_at
    rows = []
    for sensor in standing.sensors(ended):
        at = sensor.off_at
        key = "refused" if at is None else "was_off" if at <= since else "off_at"
        note = said.say(f"withdrawn.{key}", time=said.exact(at if at and key == "off_at" else since))
        rows.append(_row(said, sensor.key, note, "", at is not None))
    return rows


def _silent_rows(said: Texts, consent: Consent, word: str) -> list[Row]:
    modules = agreement.in_order(consent.modules)
    return [_row(said, module, said.say(f"sensor.{module}.keeps"), word) for module in modules]


def _row(said: Texts, module: str, note: str, word: str, good: bool = False) -> Row:
    shown = said.say(f"given.{word}") if word else ""
    return Row(said.say(f"sensor.{module}.name"), MODULE_ICONS[module], note, shown, good)


def _why(said: Texts, module: str) -> Row:
    """A sensor of the question: what it is for, and before anybody says yes also what it keeps."""
    keeps = said.say(f"sensor.{module}.keeps")
    return Row(
        said.say(f"sensor.{module}.name"), MODULE_ICONS[module], said.say(f"sensor.{module}.why"), more=keeps
    )


def _exact_moment(said: Texts, at: datetime) -> str:
    return f"{said.day(at)}, {said.exact(at)}"


def _short(digest_hex: str) -> str:
    return " ".join(digest_hex[start : start + 4] for start in (0, 4, 8))
