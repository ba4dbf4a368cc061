"""Where a trailer may stand, and what lies around it."""

from typing import Any

from geographiclib.geodesic import Geodesic

from deployments.models import SensitivePlace, ServiceArea

RING_M = 500
#: One degree of latitude is never shorter than this, in metres.
_DEGREE_M = 110_500


def sensitive_within(
    agency_id: int, lat: float, lon: float, radius_m: float = RING_M
) -> list[dict[str, Any]]:
    """Return ``[{"kind","name","lat","lon","distance_m"}]`` of the newest list, nearest first."""
    band = radius_m / _DEGREE_M
    newest = SensitivePlace.objects.filter(list__agency_id=agency_id).order_by("-list__version")
    version = newest.values_list("list_id", flat=True).first()
    near = SensitivePlace.objects.filter(list_id=version, lat__gte=lat - band, lat__lte=lat + band)
    found = [
        {
            "kind": place.kind, "name": place.name, "lat": place.lat, "lon": place.lon,
            "distance_m": round(Geodesic.WGS84.Inverse(lat, lon, place.lat, place.lon)["s12"]),
        }
        for place in near
    ]  # fmt: skip
    return sorted((row for row in found if row["distance_m"] <= radius_m), key=lambda row: row["distance_m"])


def in_service_area(agency_id: int, lat: float, lon: float) -> bool | None:
    """Whether the point lies in the agency's area; None while no area is set."""
    area = ServiceArea.objects.filter(agency_id=agency_id).first()
    return None if area is None else _inside(area.ring, lat, lon)


def _inside(ring: list[list[float]], lat: float, lon: float) -> bool:
    """Even-odd rule: count the edges that a line to the east crosses."""
    crossings = 0
    for (lat1, lon1), (lat2, lon2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (lat1 > lat) != (lat2 > lat) and lon < lon1 + (lat - lat1) / (lat2 - lat1) * (lon2 - lon1):
            crossings += 1
    return crossings % 2 == 1
