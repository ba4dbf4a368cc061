"""Where a trailer may stand, and what lies around it."""

import math
from typing import Any

import shapely
from geographiclib.geodesic import Geodesic

from deployments.models import PlacesList, SensitivePlace, ServiceArea

RING_M = 500
#: One degree of latitude is never shorter than this, in metres.
_DEGREE_M = 110_500


def current_places(agency_id: int) -> PlacesList | None:
    """Return the newest list of the agency, None before there is one."""
    return PlacesList.objects.filter(agency_id=agency_id).order_by("-version").first()


def current_area(agency_id: int) -> ServiceArea | None:
    """Return the outline of the agency, None before there is one."""
    return ServiceArea.objects.filter(agency_id=agency_id).first()


def sensitive_within(
    agency_id: int, lat: float, lon: float, radius_m: float = RING_M
) -> list[dict[str, Any]]:
    """Return ``[{"kind","name","lat","lon","distance_m"}]`` of the newest list, nearest first."""
    version = current_places(agency_id)
    if version is None:
        return []
    band = radius_m / _DEGREE_M
    # A degree of longitude shrinks towards the poles; 2 % on top covers the ellipsoid.
    wide = band / max(math.cos(math.radians(min(abs(lat) + band, 89.0))), 0.01) * 1.02
    near = SensitivePlace.objects.filter(
        list=version, lat__gte=lat - band, lat__lte=lat + band, lon__gte=lon - wide, lon__lte=lon + wide
    )
    found = [
        {
            "kind": place.kind, "name": place.name, "lat": place.lat, "lon": place.lon,
            "distance_m": round(Geodesic.WGS84.Inverse(lat, lon, place.lat, place.lon)["s12"]),
        }
        for place in near
    ]  # fmt: skip
    return sorted((row for row in found if row["distance_m"] <= radius_m), key=lambda row: row["distance_m"])


def in_service_area(agency_id: int, lat: float, lon: float) -> bool | None:
    """Whether the point lies in the agency's area or on its edge; None while no area is set."""
    area = current_area(agency_id)
    return None if area is None else bool(shapely.Polygon(area.ring).covers(shapely.Point(lat, lon)))


def area_km2(ring: list[list[float]]) -> float:
    """Return the surface inside a ring of ``[lat, lon]``, on the WGS 84 ellipsoid, in square kilometres."""
    outline = Geodesic.WGS84.Polygon()
    for lat, lon in ring[:-1] if ring[0] == ring[-1] else ring:
        outline.AddPoint(lat, lon)
    return abs(float(outline.Compute(False, True)[2])) / 1e6
