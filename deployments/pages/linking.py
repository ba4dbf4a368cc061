"""The applicant sends the owner a private link, or takes it back. The page around it is the consent's."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import audit
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import selectors
from deployments.models import Deployment
from deployments.owner.forms import LinkForm
from deployments.pages import applying, filling
from deployments.selectors import links
from deployments.services import asking


def _named(request: HttpRequest, name: str) -> audit.Ref:
    return audit.Ref("deployment", name.partition(".")[0], request.user.person.agency.code)


@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("consent.request", object=_named, acts=True, shows="deployment.view")
def send_link(request: HttpRequest, name: str) -> HttpResponse:
    """Send a link, or a newer one; or show the consent's page again with what was typed and why not."""
    found = selectors.visible_by_name(request.user, name)
    form = LinkForm(request.POST)
    if request.method == "GET":
        return applying.answer(request, filling.opened(request, found, "consent"))
    if not form.is_valid() or not _asked(request, found, form):
        return applying.answer(request, filling.opened(request, found, "consent"), link_form=form, status=422)
    messages.success(request, _("The link is on its way. This page says when it was sent."))
    return redirect("deployment-consent", name=found.address_name)


def _asked(request: HttpRequest, found: Deployment, form: LinkForm) -> bool:
    try:
        asking.request_consent(actor=request.user, deployment_id=found.pk, **form.cleaned_data)
    except Refused as refused:
        if refused.status not in (422, 429):
            raise
        form.refuse(refused)
    return form.is_valid()


@require_safe
@never_cache
def link_state(request: HttpRequest, name: str) -> JsonResponse:
    """Return how the newest link stands, and nothing of whom it went to: an open page asks while it waits."""
    found = selectors.visible_by_name(request.user, name)
    state = links.link_state(found, clock.now())
    told = (
        {"state": state.state, "words": state.words, "tone": state.tone, "open": state.open} if state else {}
    )
    return JsonResponse(told)


@require_POST
@audit.guard("consent.end_link", object=_named, acts=True)
def end_link(request: HttpRequest, name: str) -> HttpResponse:
    """Take the question back."""
    found = selectors.visible_by_name(request.user, name)
    asking.end_request(actor=request.user, deployment_id=found.pk)
    messages.success(request, _("The link no longer works."))
    return redirect("deployment-consent", name=found.address_name)
