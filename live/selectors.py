"""Reading live view."""

from datetime import timedelta
from math import ceil
from typing import Any
from uuid import UUID

from django.db.models import Count, DurationField, ExpressionWrapper, F, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Least

from accounts.models import User
from accounts.selectors import person_wire
from alerts.policies import may_see_alerts
from alerts.selectors import day_start
from csoc.lib import clock
from csoc.lib.errors import nothing_here
from live.models import LiveSession

_WITH = (
    "agency",
    "person",
    "user",
    "alert",
    "alert__trailer",
    "alert__deployment",
    "trailer__agency",
    "stream__trailer__agency",
)


def open_sessions() -> QuerySet[LiveSession]:
    """Views that have not ended."""
    return LiveSession.objects.select_related(*_WITH).filter(ended_at__isnull=True)


def locked_session(session_id: UUID) -> LiveSession:
    """Return one view under a row lock, taken first and alone (see alerts.selectors.locked).

    Errors: Refused ``not-found``.
    """
    LiveSession.objects.select_for_update().filter(pk=session_id).values_list("pk").first()
    found = LiveSession.objects.select_related(*_WITH).filter(pk=session_id).first()
    if found is None:
        raise nothing_here()
    return found


def own_session(user: User, session_id: UUID) -> LiveSession:
    """Return the person's own view. Errors: Refused ``not-permitted``, ``not-found``."""
    may_see_alerts(user)
    session = LiveSession.objects.select_related(*_WITH).filter(pk=session_id, user=user).first()
    if session is None:
        raise nothing_here()
    return session


def session_wire(user: User, session_id: UUID) -> dict[str, Any]:
    """One view with everybody who watches the same trailer now. Errors: Refused ``not-found``."""
    may_see_alerts(user)
    session = LiveSession.objects.select_related(*_WITH).filter(pk=session_id, user=user).first()
    if session is None:
        raise nothing_here()
    watching = open_sessions().filter(stream=session.stream).order_by("opened_at")
    return {
        "session": str(session.pk),
        "alert": str(session.alert_id),
        "trailer": session.trailer.name,
        "expires_at": clock.wire(session.expires_at),
        "recording": False,
        "watchers": [person_wire(other.person) for other in watching],
        "state": "ended" if session.ended_at else "open",
    }


def views_of_day(user: User) -> dict[str, int]:
    """Live views opened today in the person's agency, and their minutes so far."""
    now = clock.now()
    views = LiveSession.objects.filter(agency_id=user.person.agency_id, opened_at__gte=day_start(now))
    spans = [
        (min(ended or now, expires) - opened).total_seconds()
        for opened, ended, expires in views.values_list("opened_at", "ended_at", "expires_at")
    ]
    return {"views": len(spans), "view_min": round(sum(spans) / 60)}


def views_under(deployments: list[int]) -> dict[int, dict[str, Any]]:
    """Return how often and how long each of these deployments' cameras were watched, and why; one query."""
    until = Least(Coalesce("ended_at", Value(clock.now())), "expires_at")
    lasted = ExpressionWrapper(until - F("opened_at"), output_field=DurationField())
    rows = (
        LiveSession.objects.filter(alert__deployment__in=deployments)
        .values_list("alert__deployment_id", "reason").annotate(n=Count("pk"), lasted=Sum(lasted)).order_by()
    )  # fmt: skip
    found: dict[int, dict[str, Any]] = {}
    spans: dict[int, timedelta] = {}
    for deployment, reason, n, sum_of in rows:
        told = found.setdefault(deployment, {"views": 0, "view_minutes": 0, "reasons": {}})
        told["views"] += n
        told["reasons"][reason] = n
        spans[deployment] = spans.get(deployment, timedelta()) + sum_of
    for deployment, span in spans.items():
        found[deployment]["view_minutes"] = ceil(span.total_seconds() / 60)
    return found
