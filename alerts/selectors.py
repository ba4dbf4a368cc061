"""Reading alerts. What a person may see is decided here and nowhere else."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from statistics import median
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

import vault
from accounts import break_glass
from accounts.models import BreakGlass, User
from accounts.selectors import has_role, person_wire
from alerts import policies, sealed
from alerts.media import reading
from alerts.models import Alert, AlertNote, Hotlist
from csoc.lib import clock
from csoc.lib.errors import Refused, nothing_here
from trailers.selectors import trailer_wire, trailers_visible_to

_WITH = ("trailer", "deployment", "agency", "acknowledged_by", "closed_by")


def alerts_visible_to(user: User) -> QuerySet[Alert]:
    """The alerts of the person's agency. Errors: Refused unless dispatcher or supervisor."""
    policies.may_see_alerts(user)
    return Alert.objects.select_related(*_WITH).filter(agency_id=user.person.agency_id)


def visible_alert(user: User, alert_id: UUID) -> Alert:
    """Return one alert. Errors: Refused ``not-found``."""
    found = alerts_visible_to(user).filter(pk=alert_id).first()
    if found is None:
        raise nothing_here()
    return found


def readable_alert(user: User, alert_id: UUID) -> tuple[Alert, BreakGlass | None]:
    """Return one alert to read, and the break-glass that opens it where the role does not (H16).

    For reading its detail only: every act asks ``visible_alert`` and its own policy.
    Errors: Refused ``not-permitted`` (with ``break_glass`` where there is a way), ``not-found``.
    """
    if has_role(user, *policies.VIEWERS):
        return visible_alert(user, alert_id), None
    glass = break_glass.glass_for(user, BreakGlass.Kind.ALERT, str(alert_id))
    own = Alert.objects.select_related(*_WITH).filter(agency_id=user.person.agency_id)
    found = own.filter(pk=alert_id).first() if glass else None
    if found is None:
        sentence = _("Only a dispatcher or a supervisor reads an alert.")
        raise break_glass.refusal(user, BreakGlass.Kind.ALERT, str(alert_id), sentence)
    return found, glass


def thing_of(alert_id: str) -> break_glass.Thing | None:
    """Return an alert as what a break-glass may open; None when there is none of that id."""
    try:
        found = Alert.objects.select_related("agency").filter(pk=UUID(alert_id)).first()
    except ValueError:
        return None
    if found is None:
        return None
    return break_glass.Thing(
        BreakGlass.Kind.ALERT, str(found.pk), found.agency_id, found.agency.code,
        reverse("alert-page", args=[found.pk]), lambda user: has_role(user, *policies.VIEWERS),
    )  # fmt: skip


def locked(alert_id: UUID) -> Alert:
    """Return one alert under a row lock. Errors: Refused ``not-found``.

    The lock comes first and alone: had it to wait, rows joined in the same statement would be those from
    before the wait, and the loser of a race would not see the winner's name.
    """
    Alert.objects.select_for_update().filter(pk=alert_id).values_list("pk").first()
    found = Alert.objects.select_related(*_WITH).filter(pk=alert_id).first()
    if found is None:
        raise nothing_here()
    return found


def alert_wire(alert: Alert) -> dict[str, Any]:
    """The alert on the wire: no plate, no crop, no clip (console-api)."""
    return {
        "id": str(alert.pk),
        "version": alert.version,
        "kind": alert.kind,
        "state": alert.state,
        "priority": alert.priority,
        "trailer": alert.trailer.name,
        "deployment": alert.deployment.name,
        "lat": alert.lat,
        "lon": alert.lon,
        "uncertainty_m": alert.uncertainty_m,
        "occurred_at": clock.wire(alert.occurred_at),
        "received_at": clock.wire(alert.received_at),
        "late": alert.late,
        "flags": alert.flags,
        "acknowledged_by": person_wire(alert.acknowledged_by),
        "acknowledged_at": clock.wire(alert.acknowledged_at),
        "closed_at": clock.wire(alert.closed_at),
        "outcome": alert.outcome or None,
    }


def digest_of(alerts: Iterable[tuple[Any, int]]) -> str:
    """Hex SHA-256 over ``id:version`` of each alert, sorted, joined by a line feed."""
    lines = sorted(f"{alert_id}:{version}" for alert_id, version in alerts)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def open_digest(agency_id: int) -> str:
    """The digest of what should be on the screens of an agency now."""
    return digest_of(
        Alert.objects.filter(agency_id=agency_id)
        .exclude(state=Alert.State.CLOSED)
        .values_list("pk", "version")
    )


def snapshot(user: User) -> dict[str, Any]:
    """What should be on this person's screen."""
    alerts = [
        alert_wire(alert)
        for alert in alerts_visible_to(user).exclude(state=Alert.State.CLOSED).order_by("received_at", "pk")
    ]
    return {
        "digest": digest_of((alert["id"], alert["version"]) for alert in alerts),
        "at": clock.wire(clock.now()),
        "alerts": alerts,
        "trailers": [trailer_wire(trailer) for trailer in trailers_visible_to(user)],
    }


def detail(alert: Alert) -> dict[str, Any]:
    """Unseal what the alert carries. Errors: Refused ``detail-expired`` (410)."""
    values = _opened(alert)
    block: dict[str, Any] = dict(values.get(alert.kind) or {})
    # The notice of the trailer is not for people: its clip or crop as it stands is.
    name, media = reading.told(alert, values)
    block[name] = media
    block["kind"] = alert.kind
    block["site"] = alert.deployment.site
    block["notes"] = [_note(note) for note in alert.notes.select_related("person").order_by("at", "pk")]
    if alert.kind == Alert.Kind.ALPR_HIT:
        block["listed"] = values.get("listed")
        block["list_age_s"] = _list_age_s((values.get("alpr_hit") or {}).get("hotlist", {}).get("list_id"))
    return block


def _opened(alert: Alert) -> dict[str, Any]:
    try:
        return sealed.open_detail(alert)
    except vault.Gone:
        raise Refused("detail-expired", "The details were erased 48 hours after capture.", 410) from None


def _note(note: AlertNote) -> dict[str, Any]:
    try:
        text: str | None = sealed.open_note(note)
    except vault.Gone:
        text = None
    return {"at": clock.wire(note.at), "person": person_wire(note.person), "text": text}


def _list_age_s(list_id: str | None) -> int | None:
    hotlist = Hotlist.objects.filter(list_id=list_id or "").first()
    return _age_s(hotlist, clock.now()) if hotlist else None


def _age_s(hotlist: Hotlist, now: datetime) -> int | None:
    issued_at = hotlist.issued_at
    return int((now - issued_at).total_seconds()) if issued_at else None


def owed_entries(user: User) -> int:
    """How many alerts of the person's agency still wait for their audit entry."""
    return alerts_visible_to(user).filter(audit_owed=True).count()


def day_start(now: datetime) -> datetime:
    """Midnight of the local day (H19)."""
    local = now.astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def today(user: User, since: datetime) -> dict[str, Any]:
    """Figures of the day: alerts received, median seconds to acknowledge, the newest 20 closed."""
    alerts = alerts_visible_to(user).filter(received_at__gte=since)
    waits = [
        (acknowledged - received).total_seconds() if acknowledged else 0.0
        for received, acknowledged in alerts.filter(acknowledged_at__isnull=False).values_list(
            "received_at", "acknowledged_at"
        )
    ]
    closed = (
        alerts_visible_to(user).filter(state=Alert.State.CLOSED, closed_at__gte=since).order_by("-closed_at")
    )
    return {
        "alerts": alerts.count(),
        "median_acknowledge_s": round(median(waits), 1) if waits else None,
        "closed": [alert_wire(alert) for alert in closed[:20]],
    }


def hotlist_ages(user: User, now: datetime) -> list[dict[str, Any]]:
    """The agency's lists with their age in seconds."""
    return [
        {
            "list_id": hotlist.list_id,
            "version": hotlist.version,
            "issued_at": clock.wire(hotlist.issued_at),
            "age_s": _age_s(hotlist, now),
        }
        for hotlist in Hotlist.objects.filter(agency_id=user.person.agency_id, issued_at__isnull=False)
    ]


def outcomes_of(deployments: list[int]) -> dict[int, dict[str, Any]]:
    """Return how many alerts each of these deployments had, and how the closed ones ended; one query."""
    rows = (
        Alert.objects.filter(deployment__in=deployments).values_list("deployment_id", "outcome")
        .annotate(n=Count("pk")).order_by()
    )  # fmt: skip
    found: dict[int, dict[str, Any]] = {}
    for deployment, outcome, n in rows:
        told = found.setdefault(deployment, {"alerts": 0, "outcomes": {}})
        told["alerts"] += n
        if outcome:
            told["outcomes"][outcome] = n
    return found
