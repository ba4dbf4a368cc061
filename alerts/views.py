"""Pages of alerts."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from accounts.selectors import person_wire, roles_of
from alerts import policies


@require_GET
def board(request: HttpRequest) -> HttpResponse:
    """The live board: an empty shell that the snapshot fills. Errors: Refused for other roles."""
    policies.may_see_alerts(request.user)
    boot = {
        "me": person_wire(request.user.person),
        "roles": sorted(roles_of(request.user)),
        "csrf": get_token(request),
        "time_zone": settings.LOCAL_TIME_ZONE,
        "urls": {
            "snapshot": reverse("live-snapshot"),
            "status": reverse("live-status"),
            "shift": reverse("live-shift"),
            "socket": "/ws/live/",
            "sign_in": reverse("account_login"),
            "sign_out": reverse("account_logout"),
        },
        "demo": settings.IS_DEMO,
        "can": {"acknowledge": True, "view": True, "close": True},
    }
    return render(request, "alerts/board.html", {"boot": boot})
