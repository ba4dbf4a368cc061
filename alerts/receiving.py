"""What becomes of a body under a deployment: judged, sealed and ready to be stored. Writes nothing.

Both ways of intake ask here, so that they cannot differ in what they take.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from geographiclib.geodesic import Geodesic

import vault
from alerts import hotlists, policies, sealed
from alerts.models import Alert
from alerts.schemas import AlertBody
from deployments.models import Deployment
from trailers.models import Trailer

OUTSIDE_RADIUS_M = 750
EARTH_RADIUS_M = 6_371_009


@dataclass(frozen=True, slots=True)
class Received:
    """An alert that may be stored. ``sealed``: (epoch, bytes), None once the key of its hour is gone."""

    alert: Alert
    sealed: tuple[datetime, bytes] | None


def judged(trailer: Trailer, body: AlertBody, deployment: Deployment, sealer: vault.Sealer) -> Received:
    """Judge a body at the sealer's moment and return what would be stored of it.

    Errors: Refused with the contract's codes.
    """
    policies.may_report(trailer, body, deployment, sealer.now)
    return made(trailer, body, deployment, sealer)


def made(trailer: Trailer, body: AlertBody, deployment: Deployment, sealer: vault.Sealer) -> Received:
    """The alert of a body that may be reported; a hit is matched here. Errors: Refused 409."""
    now = sealer.now
    hit = _hit(body, deployment, now)
    late = now - body.occurred > policies.LATE_AFTER
    kept = _sealed_detail(body, hit, sealer)
    lat, lon, uncertainty_m, flags = _place(body, deployment, expired=kept is None)
    if late:
        flags.append("late")
    if hit is not None and not hit.exact and kept is not None:
        flags.append("lookalike")
    alert = Alert(
        id=body.id, agency=deployment.agency, unit_id=deployment.unit_id, trailer=trailer,
        deployment=deployment, kind=body.kind, priority=_priority(hit, late), seq=body.seq, lat=lat, lon=lon,
        uncertainty_m=uncertainty_m, occurred_at=body.occurred, received_at=now, late=late, flags=flags,
    )  # fmt: skip
    return Received(alert, kept)


def _hit(body: AlertBody, deployment: Deployment, now: datetime) -> hotlists.Hit | None:
    if body.alpr_hit is None:
        return None
    return hotlists.match(
        body.alpr_hit, categories=deployment.hotlist_categories, agency_id=deployment.agency_id, at=now
    )


def _place(
    body: AlertBody, deployment: Deployment, *, expired: bool
) -> tuple[float, float, float | None, list[str]]:
    """Where the alert is shown: the shot's place, else the trailer's; and its flags.

    Once the key of its hour is gone nothing of what it says is written any more: the trailer's point stays.
    """
    assert deployment.lat is not None and deployment.lon is not None
    lat, lon = (body.position.lat, body.position.lon) if body.position else (deployment.lat, deployment.lon)
    if expired:
        return lat, lon, None, ["detail-expired"]
    location = body.gunshot.location if body.gunshot else None
    if location is None:
        return lat, lon, None, []
    outside = _is_outside(lat, lon, location.lat, location.lon)
    return location.lat, location.lon, location.uncertainty_m, ["outside-radius"] if outside else []


def _is_outside(lat: float, lon: float, other_lat: float, other_lon: float) -> bool:
    """Whether two places are over 750 m apart.

    The sphere's distance is within 0.6 % of the ellipsoid's; only where that could matter is the exact one
    asked for, which costs more than everything else here.
    """
    about_m = _on_sphere_m(lat, lon, other_lat, other_lon)
    if abs(about_m - OUTSIDE_RADIUS_M) > 0.02 * OUTSIDE_RADIUS_M:
        return about_m > OUTSIDE_RADIUS_M
    return bool(Geodesic.WGS84.Inverse(lat, lon, other_lat, other_lon)["s12"] > OUTSIDE_RADIUS_M)


def _on_sphere_m(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Great-circle distance (haversine) on the mean sphere, metres."""
    north, east = math.radians(other_lat - lat), math.radians(other_lon - lon)
    shrink = math.cos(math.radians(lat)) * math.cos(math.radians(other_lat))
    chord = math.sin(north / 2) ** 2 + shrink * math.sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def _priority(hit: hotlists.Hit | None, late: bool) -> int:
    if late:
        return 3
    return hotlists.priority(hit) if hit is not None else 1


def _sealed_detail(
    body: AlertBody, hit: hotlists.Hit | None, sealer: vault.Sealer
) -> tuple[datetime, bytes] | None:
    """Seal the detail, or None when the key of its hour is already destroyed."""
    listed = None
    if hit is not None:
        entry = hit.entry
        listed = {"plate": entry.plate, "jurisdiction": entry.jurisdiction, "category": entry.category}
    try:
        return sealed.seal_detail(body, listed, sealer)
    except vault.EpochGone:
        return None
