"""Doors of the owner's private link: parse, one service, present."""

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import audit
from deployments.models import ConsentRequest
from deployments.owner import pages, proof
from deployments.owner.door import LinkRequest, door
from deployments.policies import asking as policy
from deployments.selectors.links import link_ref
from deployments.services import answering


def _link(request: LinkRequest, token: str) -> audit.Ref:
    return link_ref(request.visit.link)


@door(proven=False)
@require_safe
def start(request: LinkRequest, token: str) -> HttpResponse:
    """The first page: it names nobody and no place, so a link that went astray tells nothing."""
    visit = request.visit
    policy.alive(visit.link, pages.now())
    return visit.to("owner-page") if visit.proven else pages.start(request)


@door(proven=False)
@require_POST
@audit.guard("consent.code", object=_link, acts=True)
def send(request: LinkRequest, token: str) -> HttpResponse:
    """Send a code; a browser that has given one already goes on."""
    visit = request.visit
    if visit.proven:
        return visit.to("owner-page")
    answering.send_code(
        actor=visit.actor, request_id=visit.link.pk, token=token, language=visit.texts.language
    )
    return visit.to("owner-code")


@door(proven=False)
@require_safe
def code(request: LinkRequest, token: str) -> HttpResponse:
    """Ask for the code."""
    visit = request.visit
    policy.alive(visit.link, pages.now())
    return visit.to("owner-page") if visit.proven else pages.code(request)


@door(proven=False)
@require_POST
@audit.guard("consent.open", object=_link, acts=True)
def check(request: LinkRequest, token: str) -> HttpResponse:
    """Judge the code; the right one opens the page on this device for 30 days."""
    visit, typed = request.visit, "".join(request.POST.get("code", "").split())[:12]
    answering.check_code(actor=visit.actor, request_id=visit.link.pk, token=token, code=typed)
    response = visit.to("owner-page")
    proof.give(response, visit.link, token)
    return response


@door()
@require_safe
@audit.guard("consent.view", object=_link)
def page(request: LinkRequest, token: str) -> HttpResponse:
    """The question, what stands on the answer, or the proof of a withdrawal."""
    return pages.page(request)


@door()
@require_POST
@audit.guard("consent.give", object=_link, acts=True)
def give(request: LinkRequest, token: str) -> HttpResponse:
    """Say yes."""
    visit, form = request.visit, pages.AnswerForm(request.POST)
    if not form.is_valid():
        return pages.ask(request, form, status=422)
    answering.give_consent(
        actor=visit.actor, request_id=visit.link.pk, conditions=form.cleaned_data["conditions"],
        language=visit.texts.language,
    )  # fmt: skip
    return visit.to("owner-page")


@door()
@require_POST
@audit.guard("consent.decline", object=_link, acts=True)
def decline(request: LinkRequest, token: str) -> HttpResponse:
    """Say no."""
    answering.decline_consent(actor=request.visit.actor, request_id=request.visit.link.pk)
    return request.visit.to("owner-page")


@door()
@require_http_methods(["GET", "POST"])
@audit.guard("consent.withdraw", object=_link, acts=True, shows="consent.view")
def withdraw(request: LinkRequest, token: str) -> HttpResponse:
    """Ask once whether it is meant, then stop everything."""
    visit = request.visit
    if request.method == "POST":
        answering.withdraw_by_owner(
            actor=visit.actor, request_id=visit.link.pk, language=visit.texts.language
        )
    standing = visit.link.answer == ConsentRequest.Answer.GIVEN and visit.link.consent.withdrawn_at is None
    asks = request.method == "GET" and standing
    return pages.withdraw(request) if asks else visit.to("owner-page")


@door()
@require_safe
def progress(request: LinkRequest, token: str) -> HttpResponse:
    """Whether the page would say something else by now: a digest, for the script that keeps it true."""
    return JsonResponse({"digest": pages.digest(request.visit)})


@door()
@require_safe
@audit.guard("consent.download", object=_link)
def agreed(request: LinkRequest, token: str) -> HttpResponse:
    """Hand out what was agreed to, exactly as it was kept."""
    return pages.agreed(request.visit)


@door()
@require_safe
@audit.guard("consent.download", object=_link)
def receipt(request: LinkRequest, token: str) -> HttpResponse:
    """Hand out the proof of the withdrawal as a file that needs no network."""
    return pages.receipt(request.visit)
