"""The applicant sends the owner a private link, or takes it back. The page around it is the consent's."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

import audit
from deployments import selectors
from deployments.owner.forms import LinkForm
from deployments.services import asking


def _named(request: HttpRequest, name: str) -> audit.Ref:
    return audit.Ref("deployment", name.partition(".")[0], request.user.person.agency.code)


@require_POST
@audit.guard("consent.request", object=_named, acts=True)
def send_link(request: HttpRequest, name: str) -> HttpResponse:
    """Send a link, or a newer one. What is missing is said on the consent's page."""
    found = selectors.visible_by_name(request.user, name)
    form = LinkForm(request.POST)
    if not form.is_valid():
        messages.error(request, form.sentence)
        return redirect("deployment-consent", name=found.address_name)
    asking.request_consent(actor=request.user, deployment_id=found.pk, **form.cleaned_data)
    messages.success(request, _("The link is on its way. This page says when it was sent."))
    return redirect("deployment-consent", name=found.address_name)


@require_POST
@audit.guard("consent.end_link", object=_named, acts=True)
def end_link(request: HttpRequest, name: str) -> HttpResponse:
    """Take the question back."""
    found = selectors.visible_by_name(request.user, name)
    asking.end_request(actor=request.user, deployment_id=found.pk)
    messages.success(request, _("The link no longer works."))
    return redirect("deployment-consent", name=found.address_name)
