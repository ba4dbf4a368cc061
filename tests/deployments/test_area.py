"""The area of the service: one outline that encloses one surface, read strictly, asked of every new place."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as st

import audit
from accounts import cast
from accounts.models import User
from accounts.services import acting
from csoc.lib.errors import Refused
from deployments import facts_files, policies
from deployments.models import ServiceArea
from deployments.policies.facts import ring_usable
from deployments.selectors import in_service_area
from deployments.selectors.places import area_km2
from deployments.services import facts
from tests.accounts.people import sign_in

pytestmark = pytest.mark.django_db
PAGE = "/deployments/area/"
SQUARE = [[43.5, -79.8], [43.5, -79.5], [43.8, -79.5], [43.8, -79.8], [43.5, -79.8]]


def geojson(ring: Any, kind: str = "Polygon") -> bytes:
    return json.dumps({"type": kind, "coordinates": [[[lon, lat] for lat, lon in ring]]}).encode()


@pytest.fixture
def users() -> dict[str, User]:
    return {role: entry["user"] for role, entry in cast.create_cast(audit.system("test")).items()}


def put(user: User, raw: bytes) -> Any:
    return sign_in(user).post(f"{PAGE}set/", {"file": SimpleUploadedFile("area.geojson", raw)})


def test_set_shown_asked_and_taken_away(users: Mapping[str, User]) -> None:
    dana, agency = users["supervisor"], users["supervisor"].person.agency_id
    assert "No area is set" in sign_in(dana).get(PAGE).content.decode()
    assert sign_in(dana).get(f"{PAGE}outline.geojson").status_code == 404
    assert in_service_area(agency, 43.6, -79.6) is None
    with pytest.raises(Refused) as caught:
        policies.in_area(agency, 43.6, -79.6)
    assert caught.value.code == "no-area"
    assert put(dana, geojson(SQUARE)).status_code == 302
    policies.in_area(agency, 43.6, -79.6)
    policies.in_area(agency, 43.5, -79.6)  # on its edge
    with pytest.raises(Refused) as caught:
        policies.in_area(agency, 43.9, -79.6)
    assert caught.value.code == "outside-area"
    page = sign_in(users["applicant"]).get(PAGE)
    assert page.status_code == 200 and "4 corners" in page.content.decode()
    assert "area/set/" not in page.content.decode()
    taken = sign_in(users["privacy_officer"]).get(f"{PAGE}outline.geojson").content
    assert facts_files.read_outline(taken) == SQUARE


def test_another_outline_replaces_it(users: Mapping[str, User]) -> None:
    dana = users["supervisor"]
    put(dana, geojson(SQUARE))
    moved = [[lat + 1, lon] for lat, lon in SQUARE]
    feature = {"type": "Feature", "properties": None, "geometry": json.loads(geojson(moved))}
    assert (
        put(dana, json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()).status_code
        == 302
    )
    assert ServiceArea.objects.get().ring == moved
    assert in_service_area(dana.person.agency_id, 43.6, -79.6) is False


CROSSED = [[43.5, -79.8], [43.8, -79.5], [43.5, -79.5], [43.8, -79.8], [43.5, -79.8]]
HOLED = json.dumps({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 0], [1, 1]]]})
DEEP = b'{"type":"Polygon","coordinates":' + b"[" * 50_000
FAULTS = [
    (b"", "file is empty"),
    (b"\xff\xfe", "not GeoJSON"),
    (b"[1, 2]", "one Polygon"),
    (DEEP, "not GeoJSON"),
    (b" " * 120_001, "too large"),
    (b'{"type":"Polygon","type":"Polygon","coordinates":[]}', "not GeoJSON"),
    (b'{"type":"Polygon","coordinates":[[[NaN,1],[2,3],[4,5]]]}', "not GeoJSON"),
    (b'{"type":"Polygon","coordinates":[[[1e999,1],[2,3],[4,5]]]}', "not GeoJSON"),
    (b'{"type":"Polygon","coordinates":[[["1","2"],[2,3],[4,5]]]}', "corner 1"),
    (b'{"type":"Polygon","coordinates":[[[1],[2,3],[4,5]]]}', "corner 1"),
    (b'{"type":"Polygon","coordinates":[[[true,false],[2,3]]]}', "corner 1"),
    (HOLED.encode(), "without holes"),
    (b'{"type":"MultiPolygon","coordinates":[]}', "one Polygon"),
    (b'{"type":"FeatureCollection","features":[]}', "one Polygon"),
    (b'{"type":"FeatureCollection","features":[{"type":"FeatureCollection","features":[]}]}', "one Polygon"),
    (geojson([[lon, lat] for lat, lon in SQUARE]), "latitude first?"),
    (geojson([[89.0, 80.0], [89.0, 90.0], [88.0, 85.0]]), "beyond 75"),
    (geojson([[43.0, 200.0], [43.0, 201.0], [44.0, 201.0]]), "not on Earth"),
    (geojson(CROSSED), "crosses or touches"),
    (geojson([*SQUARE[:3], SQUARE[1], *SQUARE[3:]]), "crosses or touches"),
    (geojson(SQUARE[:2] * 2), "three corners"),
    (geojson([]), "three corners"),
    (geojson([[43.5, -79.5], [43.5001, -79.5], [43.5, -79.5001]]), "km²"),
    (geojson([[-60, -80], [-60, 80], [60, 80], [60, -80]]), "km²"),
    (geojson([[43.5, -179.9], [43.5, 179.9], [44, 0]]), "around the Earth"),
    (geojson([[43 + n / 5_000, -79.5] for n in range(2_003)]), "2,000 corners"),
]


@pytest.mark.parametrize(("raw", "words"), FAULTS)
def test_what_is_no_outline_says_why_and_nothing_is_stored(
    users: Mapping[str, User], raw: bytes, words: str
) -> None:
    answer = put(users["supervisor"], raw)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not ServiceArea.objects.exists()


@pytest.mark.parametrize(
    "ring", [None, "x", 5, [1], [None], [[1, 2, 3]], [[float("nan"), 1.0]] * 3, [["1", "2"]] * 3]
)
def test_the_service_itself_takes_no_other(users: Mapping[str, User], ring: Any) -> None:
    dana = users["supervisor"]
    with acting(dana), pytest.raises(Refused) as caught:
        facts.set_area(actor=dana, ring=ring)
    assert caught.value.code == "area-broken"


@pytest.mark.parametrize("role", ["applicant", "privacy_officer", "technician"])
def test_only_supervisors_set_it(users: Mapping[str, User], role: str) -> None:
    assert put(users[role], geojson(SQUARE)).status_code == 403
    assert not ServiceArea.objects.exists()


def test_the_surface_is_right() -> None:
    """A square of one degree at the equator: 12,308.8 km² on the ellipsoid."""
    assert area_km2([[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]) == pytest.approx(12_308.8, abs=1)


@given(
    corners=st.lists(st.tuples(st.floats(42, 45), st.floats(-81, -78)), min_size=3, max_size=12),
    point=st.tuples(st.floats(42, 45), st.floats(-81, -78)),
)
def test_inside_is_what_the_even_odd_rule_says(corners: Any, point: Any) -> None:
    """Any outline that is taken: crossings of a ray to the east are odd inside, even outside."""
    import shapely

    try:
        ring = ring_usable([list(corner) for corner in corners])
    except Refused:
        return
    lat, lon = point
    if shapely.Polygon(ring).exterior.distance(shapely.Point(lat, lon)) < 1e-9:
        return
    odd = 0
    for (lat1, lon1), (lat2, lon2) in pairwise(ring):
        if (lat1 > lat) != (lat2 > lat) and lon < lon1 + (lat - lat1) / (lat2 - lat1) * (lon2 - lon1):
            odd += 1
    assert bool(shapely.Polygon(ring).covers(shapely.Point(lat, lon))) is (odd % 2 == 1)
