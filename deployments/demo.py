"""The owner's mailbox of the demonstration: what would have been sent. In demo and test only."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from csoc.lib.errors import Misuse
from deployments.owner import mailbox as files


@require_safe
@never_cache
def mailbox(request: HttpRequest) -> HttpResponse:
    """Every mail that was written to the demonstration's folder, newest first, its link to press."""
    if not settings.IS_DEMO:
        raise Misuse("There is no mailbox in production.")
    return render(request, "owner/mailbox.html", {"mails": files.newest()})
