"""Pages of alerts."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

import audit
from accounts.selectors import person_wire, roles_of
from alerts import policies, selectors
from alerts.timeline import timeline
from trailers.policies import sees_fleet


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
    return render(request, "alerts/board.html", {"boot": boot, "sees_fleet": sees_fleet(request.user)})


def _alert_ref(request: HttpRequest, alert_id: UUID) -> audit.Ref:
    return audit.Ref("alert", str(alert_id), request.user.person.agency.code)


@require_GET
@never_cache
@audit.guard("alert.view", object=_alert_ref)
def alert_page(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """Show one alert's detail and timeline, to read. Errors: Refused, with the way to break the glass."""
    alert, glass = selectors.readable_alert(request.user, alert_id)
    events = [event | {"at": datetime.fromisoformat(event["at"])} for event in timeline(alert)]
    shown = {"alert": alert, "detail": selectors.detail(alert), "events": events, "glass": glass}
    response = render(request, "alerts/alert.html", shown)
    response.audit_parent = glass and glass.entry  # type: ignore[attr-defined]
    return response
