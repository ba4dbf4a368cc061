"""The retention page: hours and counts only, nothing that was sealed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from audit.permissions import in_group
from csoc.lib.errors import Refused
from vault import selectors

READERS = ("privacy_officer", "supervisor", "administrator")


@require_GET
def retention_page(request: HttpRequest) -> HttpResponse:
    """Show the oldest readable hour, when its key is destroyed, and the last runs of the purge."""
    if not in_group(request.user, *READERS):
        raise Refused("not-permitted", _("Your role does not include this page."), 403)
    return render(request, "vault/retention.html", selectors.retention())
