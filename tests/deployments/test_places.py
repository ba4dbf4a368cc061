"""Sensitive places: a list is taken whole or not at all, read strictly, and goes out without formulas."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, ProgrammingError, connection, transaction

import audit
from accounts import cast
from accounts.models import User
from accounts.services import acting
from csoc import seed_facts
from csoc.lib.errors import Refused
from deployments import facts_files
from deployments.models import PlacesList, SensitivePlace
from deployments.selectors import sensitive_within
from deployments.services import facts
from tests.accounts.people import sign_in

HEAD = b"kind,name,lat,lon\n"
GOOD = HEAD + b"school,Willow Bend School,43.6621,-79.6662\nworship,Saint Alder,43.5748,-79.6611\n"


pytestmark = pytest.mark.django_db


@pytest.fixture
def users() -> dict[str, User]:
    users = {role: entry["user"] for role, entry in cast.create_cast(audit.system("test")).items()}
    seed_facts.make(users)
    return users


def newest(user: User) -> PlacesList:
    return PlacesList.objects.filter(agency=user.person.agency).latest("version")


def upload(user: User, raw: bytes, source: str = "Register, May", **more: Any) -> Any:
    form = {"source": source, "file": SimpleUploadedFile("list.csv", raw), **more}
    return sign_in(user).post("/deployments/places/import/", form)


def test_a_list_replaces_the_one_before(users: Mapping[str, User]) -> None:
    dana = users["supervisor"]
    rows = b"".join(b"school,School %d,43.6%03d,-79.6\n" % (n, n) for n in range(40))
    answer = upload(dana, HEAD + rows)
    assert (answer.status_code, answer["Location"]) == (302, "/deployments/places/")
    assert (newest(dana).version, newest(dana).rows, newest(dana).places.count()) == (2, 40, 40)
    page = sign_in(dana).get("/deployments/places/?q=school+1").content.decode()
    assert "School 17" in page and "School 21" not in page


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "kind,name,lat,lon"),
        (b"name,kind,lat,lon\n", "kind,name,lat,lon"),
        (HEAD, "holds no place"),
        (b"kind;name;lat;lon\nschool;A;43,6;-79,6\n", "semicolons"),
        (HEAD + b"school,\xff\xfe,43.6,-79.6\n", "UTF-8"),
        ("kind,name,lat,lon\nschool,É,43.6,-79.6\n".encode("utf-16"), "UTF-8"),
        (b"PK\x03\x04 a spreadsheet", "spreadsheet"),
        (HEAD + b'school,"open,43.6,-79.6\n', "quotation mark"),
        (HEAD + b"school,A\x00B,43.6,-79.6\n", "UTF-8"),
        (HEAD + b"x" * 120_000, "too large"),
    ],
)
def test_a_file_that_is_no_list_says_so(users: Mapping[str, User], raw: bytes, words: str) -> None:
    answer = upload(users["supervisor"], raw)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert newest(users["supervisor"]).version == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"shop,A,43.6,-79.6", "the kind is one of"),
        (b"school,,43.6,-79.6", "1 to 120 signs"),
        (b"school," + b"x" * 121 + b",43.6,-79.6", "1 to 120 signs"),
        (b"school,\xe2\x80\xaeA,43.6,-79.6", "1 to 120 signs"),
        (b"school,A,nan,-79.6", "numbers in degrees"),
        (b"school,A,inf,-79.6", "numbers in degrees"),
        (b"school,A,1e9,-79.6", "numbers in degrees"),
        (b"school,A,43.6", "3 columns instead of 4"),
        (b"school,A,43,6,-79,6", "6 columns instead of 4"),
        (b"school,A,43.6,-181", "not on Earth"),
        (b"school,A,-79.6,43.6", "longitude first?"),
        (b"school,A,89.6,-79.6", "beyond 75 degrees"),
        (b"school,Willow Bend School,43.6621,-79.6662", "the same place is on line 2"),
    ],
)
def test_a_line_at_fault_is_named_and_nothing_is_stored(
    users: Mapping[str, User], line: bytes, words: str
) -> None:
    answer = upload(users["supervisor"], GOOD + line + b"\n")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Line 4" in page and words in page
    assert (PlacesList.objects.count(), SensitivePlace.objects.count()) == (1, len(seed_facts.PLACES))


def test_a_list_that_loses_half_its_places_is_confirmed(users: Mapping[str, User]) -> None:
    dana = users["supervisor"]
    answer = upload(dana, GOOD)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "from 10 places to 2" in page and newest(dana).version == 1
    again = {"source": "Register, May", "rows": GOOD.decode(), "shrink_to": 2}
    assert sign_in(dana).post("/deployments/places/import/", {**again, "shrink_to": 3}).status_code == 409
    assert sign_in(dana).post("/deployments/places/import/", again).status_code == 302
    assert (newest(dana).version, newest(dana).rows) == (2, 2)


def test_what_is_downloaded_runs_nothing_and_comes_back_the_same(users: Mapping[str, User]) -> None:
    dana = users["supervisor"]
    raw = GOOD + b'school,"=HYPERLINK(""http://x"")",43.6,-79.6\nclinic,"Smith, ""A"" & Sons",43.61,-79.6\n'
    raw += b"care,@house,43.62,-79.6\nshelter,O'Hara,43.63,-79.6\n"
    assert upload(dana, raw).status_code == 302
    answer = sign_in(dana).get("/deployments/places/places.csv")
    text = answer.content.decode()
    assert "attachment" in answer["Content-Disposition"]
    assert "'=HYPERLINK" in text and "'@house" in text
    assert not [line for line in text.splitlines() if line.split(",")[1][:1] in "=+-@"]
    before = set(newest(dana).places.values_list("kind", "name", "lat", "lon"))
    assert {
        (r["kind"], r["name"], r["lat"], r["lon"]) for r in facts_files.read_places(answer.content)
    } == before
    page = sign_in(dana).get("/deployments/places/").content.decode()
    assert "Smith, &quot;A&quot; &amp; Sons" in page


def test_near_says_what_lies_within_500_m(users: Mapping[str, User]) -> None:
    asked = "/deployments/places/near/?lat=43.6595&lon=-79.6690"
    told = sign_in(users["applicant"]).get(asked).json()
    assert told["inside_area"] is True
    assert [place["name"] for place in told["places"]][:1] == ["Lantern Street Gurdwara"]
    assert all(place["distance_m"] <= 500 for place in told["places"])
    assert sign_in(users["supervisor"]).get("/deployments/places/near/?lat=45&lon=-79").json() == {
        "inside_area": False, "places": [],
    }  # fmt: skip
    for bad in ("", "?lat=nan&lon=1", "?lat=91&lon=1", "?lat=1&lon=x", "?lat=1e400&lon=1"):
        answer = sign_in(users["applicant"]).get(
            f"/deployments/places/near/{bad}", HTTP_ACCEPT="application/json"
        )
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/schema")
    assert sign_in(users["privacy_officer"]).get(asked).status_code == 403
    assert sign_in(users["dispatcher"]).get(asked).status_code == 403


def test_the_band_before_the_distance_loses_nothing(users: Mapping[str, User]) -> None:
    """Places on the edge of the 500 m in every direction, far north and far south."""
    from geographiclib.geodesic import Geodesic

    dana = users["supervisor"]
    rows = []
    for lat in (-70.0, -43.0, 0.0, 43.65, 60.0, 74.0):
        for azimuth in range(0, 360, 15):
            end = Geodesic.WGS84.Direct(lat, 20.0, azimuth, 499)
            row = {"kind": "school", "name": f"{lat} {azimuth}", "lat": end["lat2"], "lon": end["lon2"]}
            rows.append(row)
    with acting(dana):
        facts.import_places(actor=dana, source="edge", rows=rows)
    for lat in (-70.0, -43.0, 0.0, 43.65, 60.0, 74.0):
        assert len(sensitive_within(dana.person.agency_id, lat, 20.0)) == 24


@pytest.mark.parametrize("role", ["applicant", "privacy_officer"])
def test_others_read_and_do_not_import(users: Mapping[str, User], role: str) -> None:
    person = users[role]
    page = sign_in(person).get("/deployments/places/")
    assert page.status_code == 200 and "places/import" not in page.content.decode()
    assert upload(person, GOOD).status_code == 403
    with acting(person), pytest.raises(Refused) as caught:
        facts.import_places(actor=person, source="x", rows=[])
    assert caught.value.code == "not-permitted"


def test_nothing_of_a_list_changes_later(users: Mapping[str, User]) -> None:
    listed = newest(users["supervisor"])
    place = listed.places.first()
    assert place is not None
    for statement, value in (
        ("UPDATE deployments_sensitiveplace SET lat = 1 WHERE id = %s", place.pk),
        ("DELETE FROM deployments_sensitiveplace WHERE id = %s", place.pk),
        ("UPDATE deployments_placeslist SET rows = 99 WHERE id = %s", listed.pk),
        ("DELETE FROM deployments_placeslist WHERE id = %s", listed.pk),
        (
            "INSERT INTO deployments_sensitiveplace (list_id, kind, name, lat, lon) "
            "VALUES (%s, 'school', 'x', 43, -79)",
            listed.pk,
        ),
    ):
        # By a trigger, or because the application's role has no right to it at all.
        refused = pytest.raises(
            (IntegrityError, ProgrammingError), match=r"refused|imported|permission denied"
        )
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [value])


def test_twenty_thousand_places_are_imported_and_asked_in_time(users: Mapping[str, User]) -> None:
    dana = users["supervisor"]
    rows = ({"kind": "school", "name": f"S {n}", "lat": 43 + n / 20_000, "lon": -79.6} for n in range(20_000))
    with acting(dana):
        facts.import_places(actor=dana, source="full", rows=rows)
    assert newest(dana).places.count() == 20_000
    assert 150 < len(sensitive_within(dana.person.agency_id, 43.5, -79.6)) < 200
    with acting(dana), pytest.raises(Refused) as caught:
        more = ({"kind": "school", "name": f"S {n}", "lat": 43.0, "lon": -79.6} for n in range(20_001))
        facts.import_places(actor=dana, source="more", rows=more)
    assert caught.value.code == "too-large"
